#include "harness/ncu_import.hpp"
#include "reports/error.hpp"

#include "tests/catch.hpp"

using namespace ssmprof;

namespace {

reports::Metric counted(const char* id, const char* unit, double value) {
  reports::Metric metric;
  metric.id = id;
  metric.unit = unit;
  metric.value = value;
  return metric;
}

reports::Workload workload() {
  reports::Workload w;
  w.id = "m/prefill";
  for (const char* id : {"forward", "embedding", "layer.03", "layer.03/ssd"}) {
    reports::Range range;
    range.id = id;
    w.ranges.push_back(range);
  }
  w.ranges.back().metrics = {counted("dram_read", "B", 1e9), counted("dram_write", "B", 5e8)};
  return w;
}

harness::CsvTable table(const std::string& nvtx, const char* read) {
  harness::CsvTable t;
  t.header = {"ID",
              "Kernel Name",
              "thread Domain:Push/Pop_Range:Msg",
              "dram__bytes_read.sum",
              "dram__bytes_write.sum",
              "device__attribute_display_name"};
  t.rows = {{"", "", "", "byte", "byte", ""},
            {"0", "a", nvtx, read, "501000000", "GPU"},
            {"1", "b", "<default>:other", "7", "7", "GPU"}};
  return t;
}

const std::string kCell =
    "619  \"ssmprof:forward:none:none:none:none:REGISTERED:forward\"  "
    "\"ssmprof:layer.03:none:none:none:none:REGISTERED:layer.03\"  "
    "\"ssmprof:ssd:none:none:none:none:REGISTERED:ssd\" ";

}  // namespace

TEST_CASE("an NVTX cell names our range by its nesting") {
  CHECK(harness::range_of_nvtx(kCell) == "layer.03/ssd");
  CHECK(harness::range_of_nvtx("ssmprof forward embedding") == "embedding");
  CHECK(harness::range_of_nvtx("ssmprof:layer.03:ssd").empty());
  CHECK(harness::range_of_nvtx("").empty());
}

TEST_CASE("counters that agree within the tolerance are the same, others are not") {
  const auto w = workload();
  auto joined = harness::join_ncu(table(kCell, "1,020,000,000"), w, "f.csv");
  CHECK(joined.kernels == 2);
  CHECK(joined.outside == 1);
  auto comparison = harness::compare_with_ncu(w, joined, "bf16");
  REQUIRE(comparison.entries.size() == 2);
  CHECK(comparison.verdict == reports::Verdict::same);

  joined = harness::join_ncu(table(kCell, "1040000000"), w, "f.csv");
  comparison = harness::compare_with_ncu(w, joined, "bf16");
  CHECK(comparison.verdict == reports::Verdict::regressed);
}

TEST_CASE("a CSV without NVTX or with text for numbers is refused") {
  auto t = table(kCell, "n/a");
  CHECK_THROWS_AS(harness::join_ncu(t, workload(), "f.csv"), reports::InputError);
  for (const char* bad : {"nan", "inf", "-5"}) {
    CHECK_THROWS_AS(harness::join_ncu(table(kCell, bad), workload(), "f.csv"), reports::InputError);
  }
  t.header[2] = "Context";
  CHECK_THROWS_AS(harness::join_ncu(t, workload(), "f.csv"), reports::InputError);
}
