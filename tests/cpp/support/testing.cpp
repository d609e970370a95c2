// Runs the cases that are linked with it: all of them, or those whose names contain one of the
// arguments.
// --exclude=TEXT leaves out those whose names contain TEXT, --list prints the names. It ends with 1
// where a case failed, with 2 where there was nothing to run.
#include "testing.hpp"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

namespace testing {

namespace {

struct Entry {
  const char *name, *file;
  int line;
  void (*body)();
};

struct Ended {};  // a REQUIRE failed

std::vector<Entry>& entries() {
  static std::vector<Entry> all;
  return all;
}

std::atomic<long> checks{0}, failures{0};
std::mutex printing;
thread_local const Note* innermost = nullptr;
thread_local const char* last_file = "";
thread_local int last_line = 0;
thread_local std::string described;

void report(const std::string& what, const std::string& found) {
  std::ostringstream notes;
  for (const Note* note = innermost; note != nullptr; note = note->outer)
    note->print(notes << "\n    ");
  const std::lock_guard lock(printing);
  ++failures;
  std::printf("%s:%d: %s: %s%s\n", last_file, last_line, what.c_str(), found.c_str(),
              notes.str().c_str());
}

void run(const Entry& entry) {
  std::printf("- %s\n", entry.name);
  std::fflush(stdout);  // what a crash leaves behind names its case
  last_file = entry.file;
  last_line = entry.line;
  const long before = checks;
  try {
    entry.body();
    if (checks == before) report("a case", "it checked nothing");
  } catch (const Ended&) {
  } catch (...) {
    report("the last check made", current_exception());
  }
}

}  // namespace

Case::Case(const char* name, const char* file, int line, void (*body)()) {
  entries().push_back({name, file, line, body});
}

Note::Note() : outer(innermost) { innermost = this; }
Note::~Note() { innermost = outer; }

void reached(const char* file, int line) {
  checks.fetch_add(1, std::memory_order_relaxed);
  last_file = file;
  last_line = line;
}

void describe(const Value& left, const char* comparison, const Value& right) {
  std::ostringstream out;
  out.precision(17);
  left.print(out, left.address);
  right.print(out << comparison, right.address);
  described = out.str();
}

void failed(const char* text, const std::string& found) {
  report(std::string(text) + " failed", found);
}

void failed(const char* text, bool ends) {
  failed(text, described);
  if (ends) throw Ended();
}

std::string mismatch(const std::string& found, const std::string& expected) {
  return found == expected ? "" : "the message was \"" + found + "\"";
}

std::string mismatch(const std::string& found, const Contains& expected) {
  return found.find(expected.part) != std::string::npos ? "" : "the message was \"" + found + "\"";
}

std::string current_exception() {
  try {
    throw;
  } catch (const std::exception& error) {
    return std::string("the exception was \"") + error.what() + "\"";
  } catch (...) {
    return "what was thrown is no std::exception";
  }
}

}  // namespace testing

int main(int count, char** arguments) {
  std::vector<std::string> wanted, unwanted;
  bool list = false;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument.rfind("--exclude=", 0) == 0) {
      unwanted.push_back(argument.substr(std::strlen("--exclude=")));
    } else if (argument == "--list") {
      list = true;
    } else if (argument.rfind("--", 0) == 0) {
      std::fprintf(stderr, "unknown option %s\n", arguments[i]);
      return 2;
    } else {
      wanted.push_back(argument);
    }
  }
  const auto in = [](const std::string& name, const std::vector<std::string>& parts) {
    return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
      return name.find(part) != std::string::npos;
    });
  };
  long run = 0, failed = 0, left_out = 0;
  for (const testing::Entry& entry : testing::entries()) {
    if ((!wanted.empty() && !in(entry.name, wanted)) || in(entry.name, unwanted)) {
      ++left_out;
      continue;
    }
    ++run;
    if (list) {
      std::printf("%s\n", entry.name);
      continue;
    }
    const long before = testing::failures;
    testing::run(entry);
    failed += testing::failures != before;
  }
  if (run == 0) {
    std::fprintf(stderr, "no case to run: %ld are left out\n", left_out);
    return 2;
  }
  if (!list)
    std::printf("%ld cases passed, %ld failed, %ld left out; %ld checks made, %ld failed\n",
                run - failed, failed, left_out, testing::checks.load(), testing::failures.load());
  return failed != 0;
}
