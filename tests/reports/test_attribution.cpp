#include <stdexcept>

#include "../catch.hpp"
#include "sample.hpp"

using namespace ssmprof::reports;

namespace {

const AttributionRow& row(const Attribution& a, const std::string& name) {
  for (const auto& r : a.rows) {
    if (r.name == name) return r;
  }
  throw std::out_of_range("no row " + name);
}

double value(const AttributionRow& r, const char* id) {
  return find_metric(r.metrics, id)->value.value();
}

}  // namespace

TEST_CASE("rows sum their ranges: values add, times add sample by sample") {
  const Workload w = sample::workload();
  const Attribution a = attribute(w, sample::native_spec());
  const auto& ssd = row(a, "ssd");
  CHECK(value(ssd, "flops") == 2e8);
  const Metric* time = find_metric(ssd.metrics, "time");
  REQUIRE(time->samples.size() == 10);
  CHECK(time->samples[3] == w.ranges[5].metrics[0].samples[3] + w.ranges[12].metrics[0].samples[3]);
  CHECK(*time->value == Approx(median(time->samples)));
  CHECK(time->interval->level >= 0.95);
  CHECK(value(ssd, "flops_per_second") == Approx(2e8 / *time->value));
  CHECK(value(ssd, "bytes_per_second") == Approx(6e6 / *time->value));
  CHECK(value(ssd, "intensity") == Approx(2e8 / 6e6));
  CHECK(value(ssd, "share") == Approx(*time->value / *w.metrics[0].value));
  const auto rate = find_metric(ssd.metrics, "flops_per_second")->interval;
  CHECK(rate->low == Approx(2e8 / time->interval->high));
}

TEST_CASE("every attribution is a partition: FLOPs and times of all rows are the whole's") {
  const Workload w = sample::workload();
  for (const auto& a : w.attributions) {
    double flops = 0;
    double time = 0;
    for (const auto& r : a.rows) {
      if (const Metric* m = find_metric(r.metrics, "flops")) flops += *m->value;
      time += find_metric(r.metrics, "time")->samples[0];
    }
    double whole = 0;
    double ranges = w.metrics[1].samples[0];
    for (const auto& r : w.ranges) {
      if (r.component.empty()) continue;
      whole += *find_metric(r.metrics, "flops")->value;
      ranges += r.metrics[0].samples[0];
    }
    CHECK(flops == whole);
    CHECK(time == Approx(ranges).epsilon(1e-12));
  }
}

TEST_CASE("shares add up to 1, also where the medians are of different runs") {
  Workload w = sample::workload();
  std::size_t shift = 0;
  for (auto& r : w.ranges) {
    if (r.component.empty()) continue;
    auto& samples = r.metrics.at(0).samples;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if ((i + shift) % 3 == 0) samples[i] *= 1.5;
    ++shift;
  }
  for (const auto& a : w.attributions) {
    double shares = 0;
    for (const auto& r : attribute(w, {a.name, {{"ssm", {"ssd"}}, {"conv", {"conv"}}}}).rows)
      shares += value(r, "share");
    CHECK(shares == Approx(1).epsilon(1e-12));
  }
}

TEST_CASE("a component of no row, and the time outside all ranges, make the row other") {
  const Workload w = sample::workload();
  const Attribution a = attribute(w, {"one", {{"ssm", {"ssd"}}}});
  REQUIRE(a.rows.size() == 2);
  const auto& other = row(a, "other");
  CHECK(other.components ==
        std::vector<std::string>{"norm", "in_proj", "conv", "gate", "out_proj", "head"});
  CHECK(value(other, "flops") == Approx(1456.4e6 - 2e8));
}

TEST_CASE("a component in two rows is no partition") {
  CHECK_THROWS_AS(attribute(sample::workload(), {"bad", {{"a", {"ssd"}}, {"b", {"ssd"}}}}),
                  std::invalid_argument);
  CHECK_THROWS_AS(attribute(sample::workload(), {"bad", {{"a", {"ssd", "ssd"}}}}),
                  std::invalid_argument);
}

TEST_CASE("a metric that one leaf lacks is missing with the reason") {
  Workload w = sample::workload();
  const auto sum = [&] {
    return *find_metric(row(attribute(w, sample::native_spec()), "ssd").metrics, "flops");
  };
  w.ranges[5].metrics[1] =
      missing("flops", "FLOP", MetricClass::deterministic, "formula", "no formula");
  CHECK(sum().reason == "layer.00/ssd: no formula");
  CHECK_FALSE(sum().value);
  w.ranges[5].metrics.erase(w.ranges[5].metrics.begin() + 1);
  CHECK(sum().reason == "layer.00/ssd has no flops");
  w = sample::workload();
  w.ranges[5].metrics[0].samples.pop_back();
  const auto a = attribute(w, sample::native_spec());
  CHECK(find_metric(row(a, "ssd").metrics, "time")->reason.find("samples of time") !=
        std::string::npos);
  CHECK(find_metric(row(a, "ssd").metrics, "share")->reason.rfind("no time: ", 0) == 0);
  CHECK_FALSE(find_metric(row(a, "ssd").metrics, "flops_per_second")->value);
}

TEST_CASE("a reason that all leaves share is given once, without a place") {
  const auto a = attribute(sample::workload(), sample::native_spec());
  CHECK(find_metric(row(a, "ssd").metrics, "dram_read")->reason ==
        "no permission to read GPU counters (RmProfilingAdminOnly=1)");
}

TEST_CASE("what cannot be added is left out") {
  Workload w = sample::workload();
  for (auto& r : w.ranges) {
    r.metrics.push_back(sample::exact("memory_activations_peak", 5, "B"));
    r.metrics.push_back(sample::exact("occupancy", 0.5, "1"));
    r.metrics.push_back(sample::exact("l2_hit_rate", 0.5, "1"));
    r.metrics.push_back(sample::exact("spilled_bytes", 7, "B"));
  }
  const auto a = attribute(w, sample::native_spec());
  const auto& ssd = row(a, "ssd");
  CHECK(find_metric(ssd.metrics, "memory_activations_peak") == nullptr);
  CHECK(find_metric(ssd.metrics, "occupancy") == nullptr);
  CHECK(find_metric(ssd.metrics, "l2_hit_rate") == nullptr);
  CHECK(value(ssd, "spilled_bytes") == 14);
}

TEST_CASE("without a time of the whole, shares are of the sum of the rows") {
  Workload w = sample::workload();
  w.metrics.clear();
  double shares = 0;
  for (const auto& r : attribute(w, sample::native_spec()).rows) shares += value(r, "share");
  CHECK(shares == Approx(1).epsilon(1e-3));
}

TEST_CASE("a workload without ranges has no rows") {
  CHECK(attribute(Workload{}, sample::native_spec()).rows.empty());
}
