// Cases that must fail, and how: check_failing.py holds what this program prints against
// failing.txt.
#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "testing.hpp"

namespace {

enum class Color { red, green };

struct Odd : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void refuse() { throw Odd("x must be even, got 3"); }

}  // namespace

TEST_CASE("what holds") {
  const std::vector<double> values{1.0, 2.5};
  CHECK(values == std::vector<double>{1.0, 2.5});
  CHECK(values.size() == 2);
  CHECK(1 + 1 == 2);
  CHECK_FALSE(values.empty());
  CHECK(100.0 == testing::Approx(100.001));
  CHECK_THROWS_AS(refuse(), Odd);
  CHECK_THROWS_AS(refuse(), std::exception);
  CHECK_THROWS_WITH_AS(refuse(), "x must be even, got 3", std::runtime_error);
  CHECK_THROWS_WITH_AS(refuse(), testing::Contains("even"), std::runtime_error);
}

TEST_CASE("values are printed") {
  const std::vector<int> few{1, 2}, none;
  CHECK(1 + 1 == 3);
  CHECK(0.1 + 0.2 == 0.3);
  CHECK(few == none);
  CHECK(std::string("a") >= "b");
  CHECK(Color::red == Color::green);
  CHECK(2 < 1);
  CHECK(1 > 2);
  CHECK(2 <= 1);
  CHECK(1 != 1);
  CHECK(none.size());
  CHECK_FALSE(few.size() == 2);
}

TEST_CASE("Approx is no wider than it says") {
  const double nan = std::numeric_limits<double>::quiet_NaN(),
               infinity = std::numeric_limits<double>::infinity();
  CHECK(1.0 == testing::Approx(1.001));
  CHECK(1.0 == testing::Approx(1.0 + 1e-9).epsilon(1e-10));
  CHECK(nan == testing::Approx(nan));
  CHECK(1.0 == testing::Approx(infinity));
}

TEST_CASE("notes stand with the failures of their scope, the innermost first") {
  INFO("n " << 3);
  for (int i = 0; i < 2; ++i) {
    INFO("i " << i);
    CHECK(i == 0);
  }
  CHECK(false);
}

TEST_CASE("REQUIRE ends its case") {
  REQUIRE(1 == 1);
  REQUIRE_FALSE(1 == 1);
  CHECK(false);
}

TEST_CASE("exceptions that do not come, or others") {
  CHECK_THROWS_AS(static_cast<void>(0), Odd);
  CHECK_THROWS_AS(refuse(), std::logic_error);
  CHECK_THROWS_AS(throw 3, std::exception);
  CHECK_THROWS_WITH_AS(refuse(), "x must be even", Odd);
  CHECK_THROWS_WITH_AS(refuse(), testing::Contains("odd"), Odd);
}

TEST_CASE("an exception ends its case") {
  CHECK(true);
  refuse();
}

TEST_CASE("a case that checks nothing") {}
