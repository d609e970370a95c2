// What the C++ tests are written in: cases that register themselves, checks that print what they
// compared.
//
//   TEST_CASE("the norm is least") {
//     INFO("n " << n);     // printed where a check fails before the end of the scope
//     REQUIRE(rank == n);  // ends the case where it fails; CHECK goes on
//     CHECK(norm == testing::Approx(1.0).epsilon(1e-12));
//     CHECK_THROWS_WITH_AS(solve(x), "x must not be empty", std::invalid_argument);
//   }
//
// The program that runs the cases is testing.cpp, its arguments stand there.
#pragma once

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <type_traits>

#if defined(__clang__)
#pragma clang diagnostic ignored "-Woverloaded-shift-op-parentheses"  // a check begins with <<
#endif

namespace testing {

/// Registers a case of the program.
struct Case {
  Case(const char* name, const char* file, int line, void (*body)());
};

/// Equal up to epsilon (1 + the larger of both numbers).
class Approx {
 public:
  explicit Approx(double value) : value_(value) {}
  Approx epsilon(double epsilon) const {
    Approx other = *this;
    other.epsilon_ = epsilon;
    return other;
  }
  friend bool operator==(double found, const Approx& expected) {
    const double size = std::max(std::abs(found), std::abs(expected.value_));
    return std::abs(found - expected.value_) < expected.epsilon_ * (1.0 + size);
  }
  friend std::ostream& operator<<(std::ostream& out, const Approx& expected) {
    return out << expected.value_ << " within " << expected.epsilon_;
  }

 private:
  double value_, epsilon_ = 1.2e-5;
};

/// Stands for each message that contains `part`.
struct Contains {
  std::string part;
};

/// What is wrong with a message: empty where it is as expected.
std::string mismatch(const std::string& found, const std::string& expected);
std::string mismatch(const std::string& found, const Contains& expected);

/// The exception being handled, in words.
std::string current_exception();

/// What a scope adds to the failures in it, in its own thread.
class Note {
 public:
  Note();
  virtual ~Note();
  Note(const Note&) = delete;
  Note& operator=(const Note&) = delete;
  virtual void print(std::ostream& out) const = 0;
  const Note* const outer;
};

template <class Print>
class NoteOf final : public Note {
 public:
  explicit NoteOf(Print print) : print_(print) {}
  void print(std::ostream& out) const override { print_(out); }

 private:
  Print print_;
};

/// Counts a check that is about to be made.
void reached(const char* file, int line);

/// Prints that the check reached last failed, with `text` and `found`, and ends the case where
/// `ends`; without `found`, with the values that describe() was given last.
void failed(const char* text, const std::string& found);
void failed(const char* text, bool ends);

template <class T>
void show(std::ostream& out, const T& value) {
  if constexpr (requires { out << value; }) {
    out << value;
  } else if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else if constexpr (requires { value.begin() != value.end(); }) {
    const char* before = "{";
    for (const auto& item : value) show(out << before, item), before = ", ";
    out << (value.begin() != value.end() ? "}" : "{}");
  } else {
    out << "(a value without text)";
  }
}

/// A value of any type, and how it is printed.
struct Value {
  template <class T>
  explicit Value(const T& value)
      : address(&value),
        print([](std::ostream& out, const void* p) { show(out, *static_cast<const T*>(p)); }) {}
  const void* address;
  void (*print)(std::ostream& out, const void* address);
};

/// Keeps the text of values compared, in this thread.
void describe(const Value& left, const char* comparison, const Value& right);

/// Whether a check passed.
struct Outcome {
  bool passed;
};

#define TESTING_COMPARE(op)                             \
  template <class R>                                    \
  Outcome operator op(const R& right) const {           \
    return outcome(value op right, " " #op " ", right); \
  }

/// What stands left in a check: the whole of it, or one side of a comparison.
template <class L>
struct Left {
  const L& value;
  bool expected;

  template <class R>
  Outcome outcome(bool holds, const char* comparison, const R& right) const {
    if (holds != expected) describe(Value(value), comparison, Value(right));
    return {holds == expected};
  }
  operator Outcome() const { return outcome(static_cast<bool>(value), "", ""); }

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"  // a size and a literal
#endif
  TESTING_COMPARE(==)
  TESTING_COMPARE(!=)
  TESTING_COMPARE(<)
  TESTING_COMPARE(>)
  TESTING_COMPARE(<=)
  TESTING_COMPARE(>=)
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
};

/// Takes it by <<, which binds tighter than a comparison.
struct Begin {
  bool expected;
  template <class L>
  Left<L> operator<<(const L& value) const {
    return {value, expected};
  }
};

}  // namespace testing

#define TESTING_JOIN_NOW(a, b) a##b
#define TESTING_JOIN(a, b) TESTING_JOIN_NOW(a, b)

#define TESTING_CASE(name, body)                                                          \
  static void body();                                                                     \
  static const testing::Case TESTING_JOIN(body, _entry)(name, __FILE__, __LINE__, &body); \
  static void body()
#define TEST_CASE(name) TESTING_CASE(name, TESTING_JOIN(testing_case_, __LINE__))

#define INFO(...)                                   \
  const testing::NoteOf TESTING_JOIN(testing_note_, \
                                     __LINE__)([&](std::ostream& notes) { notes << __VA_ARGS__; })

#define TESTING_CHECK(text, expected, ends, ...)                                      \
  do {                                                                                \
    testing::reached(__FILE__, __LINE__);                                             \
    const testing::Outcome testing_outcome = testing::Begin{expected} << __VA_ARGS__; \
    if (!testing_outcome.passed) testing::failed(text, ends);                         \
  } while (false)
#define CHECK(...) TESTING_CHECK("CHECK(" #__VA_ARGS__ ")", true, false, __VA_ARGS__)
#define CHECK_FALSE(...) TESTING_CHECK("CHECK_FALSE(" #__VA_ARGS__ ")", false, false, __VA_ARGS__)
#define REQUIRE(...) TESTING_CHECK("REQUIRE(" #__VA_ARGS__ ")", true, true, __VA_ARGS__)
#define REQUIRE_FALSE(...) \
  TESTING_CHECK("REQUIRE_FALSE(" #__VA_ARGS__ ")", false, true, __VA_ARGS__)

#define TESTING_THROWS(text, expression, handler, ...)                \
  do {                                                                \
    testing::reached(__FILE__, __LINE__);                             \
    std::string testing_found = "nothing was thrown";                 \
    try {                                                             \
      static_cast<void>(expression);                                  \
    } catch (const __VA_ARGS__& testing_error) {                      \
      testing_found = handler;                                        \
    } catch (...) {                                                   \
      testing_found = testing::current_exception();                   \
    }                                                                 \
    if (!testing_found.empty()) testing::failed(text, testing_found); \
  } while (false)
#define CHECK_THROWS_AS(expression, ...)                                           \
  TESTING_THROWS("CHECK_THROWS_AS(" #expression ", " #__VA_ARGS__ ")", expression, \
                 (static_cast<void>(testing_error), std::string()), __VA_ARGS__)
#define CHECK_THROWS_WITH_AS(expression, message, ...)                                    \
  TESTING_THROWS("CHECK_THROWS_WITH_AS(" #expression ", " #message ", " #__VA_ARGS__ ")", \
                 expression, testing::mismatch(testing_error.what(), message), __VA_ARGS__)
