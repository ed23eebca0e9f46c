#include <algorithm>

#include "probes/metric_set.hpp"
#include "probes/probe.hpp"
#include "reports/error.hpp"

#include "tests/catch.hpp"
#if SSMPROF_HAS_CUDA
#include "probes/cupti/metric_host.hpp"
#endif

using namespace ssmprof;
using namespace ssmprof::probes;

namespace {

const ResolvedMetric& find(const ResolvedSets& sets, const std::string& id) {
  const auto found = std::find_if(sets.metrics.begin(), sets.metrics.end(),
                                  [&](const auto& m) { return m.blank.id == id; });
  REQUIRE(found != sets.metrics.end());
  return *found;
}

}  // namespace

TEST_CASE("only the tensor type of the run is counted") {
  const auto sets = load_metric_sets({"flops"}, "fp32");
  REQUIRE(sets.size() == 2);
  CHECK(sets[1].name == "tensor_tf32");
}

TEST_CASE("operations are weighted as Nsight Compute's roofline does") {
  const auto sets = load_metric_sets({"flops"}, "bf16");
  const auto resolved = resolve(sets, "any", [](const std::string&) { return true; });
  const auto& issued = find(resolved, "flops_issued");
  std::vector<double> values(resolved.hardware.size(), 0.0);
  const auto with_one = [&](const std::string& part) {
    std::fill(values.begin(), values.end(), 0.0);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (resolved.hardware[i].find(part) != std::string::npos) values[i] = 1;
    }
    return ResolvedSets::evaluate(issued, values);
  };
  CHECK(with_one("_fadd_") == 1);
  CHECK(with_one("_fmul_") == 1);
  CHECK(with_one("_ffma_") == 2);
  CHECK(with_one("_hadd_") == 2);
  CHECK(with_one("_hmul_") == 2);
  CHECK(with_one("_hfma_") == 4);
  CHECK(with_one("_dfma_") == 2);
  CHECK(with_one("ops_path_tensor") == 2);  // the run's type, and TF32
}

TEST_CASE("ranges need traffic always, operations where there are any, and no peaks") {
  const auto resolved = resolve(load_metric_sets({"traffic", "flops", "peaks"}, "bf16"), "any",
                                [](const std::string&) { return true; });
  const auto needs = resolved.in_ranges();
  REQUIRE(needs.size() == resolved.hardware.size());
  const auto need = [&](const std::string& metric) {
    const auto at = std::find(resolved.hardware.begin(), resolved.hardware.end(), metric);
    REQUIRE(at != resolved.hardware.end());
    return needs[static_cast<std::size_t>(at - resolved.hardware.begin())];
  };
  CHECK(need("dram__bytes_read.sum") == InRanges::always);
  CHECK(need("lts__t_bytes.sum") == InRanges::always);
  CHECK(need("sm__ops_path_tensor_src_tf32_dst_fp32.sum") == InRanges::unless_zero);
  CHECK(need("smsp__sass_thread_inst_executed_op_dfma_pred_on.sum") == InRanges::unless_zero);
  CHECK(need("dram__bytes.sum.peak_sustained_elapsed.per_second") == InRanges::never);
}

TEST_CASE("ids that only the sets define come with unit, class and text") {
  const auto definitions = metric_set_definitions();
  CHECK(definitions.at("flops_issued_half").at("unit") == "FLOP");
  CHECK(definitions.at("flops_issued_half").at("additive") == true);
  CHECK(definitions.at("pipe_fma").at("additive") == false);
  CHECK_FALSE(definitions.contains("dram_read"));
}

TEST_CASE("a metric set that is wrong is refused in one line") {
  CHECK_THROWS_AS(load_metric_sets({"trafic"}, "bf16"), reports::InputError);
  CHECK_THROWS_AS(parse_metric_set("x", "{"), reports::InputError);
  CHECK_THROWS_AS(parse_metric_set("x", R"({"summary": "", "counters": {}})"), reports::InputError);
  CHECK_THROWS_AS(
      parse_metric_set("x", R"({"summary": "", "counters": {}, "metrics": {}, "more": 1})"),
      reports::InputError);
}

#if SSMPROF_HAS_CUDA  // needs the CUPTI host library, not a GPU

namespace {

const std::vector<std::string> kAll = {"traffic", "flops",  "transcendental", "occupancy",
                                       "pipes",   "stalls", "peaks"};

ResolvedSets on_chip(const std::string& chip, const std::vector<std::string>& names,
                     const char* dtype) {
  const cupti::MetricHost host(chip);
  return resolve(load_metric_sets(names, dtype), chip,
                 [&](const std::string& metric) { return host.knows(metric); });
}

std::size_t passes(const std::string& chip, const ResolvedSets& sets) {
  return cupti::MetricHost(chip).configure(sets.hardware).passes;
}

}  // namespace

TEST_CASE("every metric of every set resolves on GH100, in the passes it is known to take") {
  for (const auto& metric : on_chip("GH100", kAll, "bf16").metrics) {
    CAPTURE(metric.blank.id, metric.reason);
    CHECK(metric.reason.empty());
    CHECK_FALSE(metric.terms.empty());
  }
  CHECK(passes("GH100", on_chip("GH100", {"traffic"}, "bf16")) == 1);
  CHECK(passes("GH100", on_chip("GH100", {"traffic", "flops", "transcendental"}, "bf16")) == 4);
  CHECK(passes("GH100", on_chip("GH100", ProbeOptions{}.metric_sets, "bf16")) == 4);
  CHECK(passes("GH100", on_chip("GH100", {"traffic", "transcendental", "tensor_bf16"}, "bf16")) <=
        3);
  auto simt = load_metric_sets({"flops"}, "none");
  simt.front().metrics["flops_issued"].erase("tensor");
  const cupti::MetricHost host("GH100");
  const auto nine =
      resolve(simt, "GH100", [&](const std::string& metric) { return host.knows(metric); });
  CHECK(nine.hardware.size() == 9);
  CHECK(passes("GH100", nine) == 1);
}

TEST_CASE("on every chip each metric resolves and configures, or says what is missing") {
  const auto chips = cupti::MetricHost::chips();
  CHECK(chips.size() >= 20);
  for (const auto& chip : chips) {
    if (chip == "GV11B") {  // in the list, but refused by the range profiler
      CHECK_THROWS_AS(cupti::MetricHost(chip), reports::EnvironmentError);
      continue;
    }
    for (const char* dtype : {"fp32", "bf16", "fp16"}) {
      const auto sets = on_chip(chip, kAll, dtype);
      CAPTURE(chip, dtype);
      for (const auto& metric : sets.metrics) {
        CAPTURE(metric.blank.id, metric.reason);
        CHECK(metric.reason.empty() != metric.terms.empty());
        if (!metric.reason.empty()) CHECK(metric.reason.rfind(chip + " has no ", 0) == 0);
      }
      if (!sets.hardware.empty()) CHECK(passes(chip, sets) >= 1);
    }
  }
}

TEST_CASE("alternatives follow the chip") {
  CHECK(find(on_chip("GH100", {"traffic"}, "bf16"), "dram_read").blank.hw_metric ==
        "dram__bytes_read.sum");
  CHECK(find(on_chip("GB202", {"traffic"}, "bf16"), "dram_read").blank.hw_metric ==
        "dram__bytes_op_read.sum");
  CHECK(find(on_chip("GH100", {"flops"}, "fp16"), "flops_tensor").blank.hw_metric ==
        "sm__ops_path_tensor_src_fp16.sum + sm__ops_path_tensor_src_tf32_dst_fp32.sum");
  CHECK(find(on_chip("GA100", {"flops"}, "fp16"), "flops_tensor").terms.size() == 3);
  const auto integrated = on_chip("GB10B", {"traffic"}, "bf16");
  CHECK(find(integrated, "dram_read").reason.find("dram__bytes_read.sum") != std::string::npos);
  CHECK(find(integrated, "l2_bytes").reason.empty());
}

TEST_CASE("a chip that the library does not know is refused") {
  CHECK_THROWS_AS(cupti::MetricHost("GX999"), reports::EnvironmentError);
}

#endif
