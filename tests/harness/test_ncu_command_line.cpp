#include <algorithm>

#include "harness/ncu_command_line.hpp"
#include "reports/error.hpp"
#include "workloads/plan.hpp"
#include "workloads/presets.hpp"

#include "tests/catch.hpp"

using namespace ssmprof;

namespace {

std::vector<workloads::RangeSpec> ranges() {
  workloads::ExecutionSpec spec;
  spec.length = 64;
  return workloads::plan_ranges(workloads::preset("mamba2-tiny"), spec);
}

}  // namespace

TEST_CASE("an ncu request selects the ranges of a component or a design row") {
  harness::NcuRequest request;
  request.layers = {1};
  request.components = {"ssd"};
  CHECK(harness::selected_ranges(request, ranges()) == std::vector<std::string>{"layer.01/ssd"});
  request.components = {"ssm"};
  CHECK(harness::selected_ranges(request, ranges()) == std::vector<std::string>{"layer.01/ssd"});
  request.components = {"projection"};
  CHECK(harness::selected_ranges(request, ranges()) ==
        std::vector<std::string>{"layer.01/in_proj", "layer.01/out_proj"});
  request.layers = {};
  request.components = {"conv"};
  CHECK(harness::selected_ranges(request, ranges()).size() ==
        static_cast<std::size_t>(workloads::preset("mamba2-tiny").n_layer));
}

TEST_CASE("unknown components and layers are refused") {
  harness::NcuRequest request;
  request.components = {"attention"};
  try {
    harness::selected_ranges(request, ranges());
    FAIL("accepted");
  } catch (const reports::InputError& error) {
    const std::string what = error.what();
    const auto first = what.find(" conv,");
    REQUIRE(first != std::string::npos);
    CHECK(what.find(" conv", first + 1) == std::string::npos);  // a component and a design row
    CHECK(what.find("gating") != std::string::npos);
  }
  request.components = {"ssd"};
  request.layers = {99};
  CHECK_THROWS_AS(harness::selected_ranges(request, ranges()), reports::InputError);
}

TEST_CASE("the ncu command leaves clocks and caches alone and quotes for a shell") {
  harness::NcuRequest request;
  request.components = {"ssd"};
  request.layers = {0};
  request.program = {"/opt/my tools/ssmprof", "profile"};
  const auto arguments = harness::ncu_arguments(request, ranges());
  const std::string line = harness::shell_line(arguments);
  CHECK(line.find("--clock-control none --cache-control none") != std::string::npos);
  CHECK(line.find("--nvtx-include ssmprof@layer.00/ssd/") != std::string::npos);
  CHECK(line.find("'/opt/my tools/ssmprof' profile") != std::string::npos);
}
