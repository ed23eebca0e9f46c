#include <new>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "harness/failure.hpp"

#include "tests/catch.hpp"

using namespace ssmprof;
using reports::ExitCode;

namespace {

template <typename Exception>
harness::Failure failure(const Exception& exception) {
  return harness::failure_of(std::make_exception_ptr(exception));
}

}  // namespace

TEST_CASE("an error ends with its own code") {
  CHECK(failure(reports::InputError("x")).code == ExitCode::usage);
  CHECK(failure(reports::EnvironmentError("x")).code == ExitCode::environment);
  CHECK(failure(reports::Error(ExitCode::incomparable, "x")).code == ExitCode::incomparable);
  CHECK(failure(reports::InputError("bad: \x1b[2J \nmore")).line == "bad: \\x1b[2J");
}

TEST_CASE("devices and memory are the environment, everything else a fault of the program") {
  CHECK(failure(std::runtime_error("scan: launch failed")).code == ExitCode::environment);
  CHECK(failure(std::runtime_error("scan: launch failed")).line == "scan: launch failed");
  CHECK(failure(std::bad_alloc()).code == ExitCode::environment);
  for (const auto& found : {failure(std::logic_error("why")), failure(std::out_of_range("why"))}) {
    CHECK(found.code == ExitCode::internal);
    CHECK(found.line == "internal error: why");
  }
  CHECK(failure(7).code == ExitCode::internal);
  try {
    nlohmann::json(7).at("key");
    FAIL("accepted");
  } catch (...) {
    const auto found = harness::failure_of(std::current_exception());
    CHECK(found.code == ExitCode::internal);
    CHECK(found.line.rfind("internal error: [json.exception", 0) == 0);
  }
}
