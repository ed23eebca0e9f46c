#include <random>

#include "reports/error.hpp"

#include "../catch.hpp"
#include "sample.hpp"

using namespace ssmprof::reports;

namespace {

const Policy policy = default_policy();

Report compared(const Report& a, const Report& b) {
  return compare_reports(a, b, policy, false);
}
int code(const Report& a, const Report& b, bool strict = false) {
  return static_cast<int>(exit_code(compared(a, b), strict));
}

const ComparisonEntry* entry(const Report& r, const std::string& range, const std::string& metric) {
  for (const auto& c : r.comparisons) {
    for (const auto& e : c.entries) {
      if (e.range == range && e.metric == metric) return &e;
    }
  }
  return nullptr;
}

Metric& metric(Workload& w, std::size_t range, const char* id) {
  for (auto& m : w.ranges[range].metrics) {
    if (m.id == id) return m;
  }
  throw std::out_of_range(id);
}

Workload noisy(std::mt19937_64& random, double scale, int samples = 20) {
  std::lognormal_distribution<double> noise(0, 0.01);
  Workload w;
  w.id = "noisy";
  w.settings = nlohmann::json::object();
  for (int i = 0; i < 12; ++i) {
    Metric m = missing("time", "s", MetricClass::stochastic, "clock", "");
    for (int k = 0; k < samples; ++k) m.samples.push_back(0.01 * scale * noise(random));
    m.value = median(m.samples);
    Range r;
    r.id = "range." + std::to_string(i);
    r.component = "ssd";
    r.metrics = {m};
    w.ranges.push_back(r);
  }
  w.metrics = {w.ranges[0].metrics[0]};
  return w;
}

int count(const Comparison& c, Verdict v) {
  int n = 0;
  for (const auto& e : c.entries) n += e.verdict == v ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("a report with itself is the same everywhere") {
  const Report self = compared(sample::run(), sample::run());
  REQUIRE(self.comparisons.size() == 1);
  CHECK(self.kind == Report::Kind::comparison);
  CHECK(self.comparisons[0].entries.size() > 30);
  CHECK(count(self.comparisons[0], Verdict::same) ==
        static_cast<int>(self.comparisons[0].entries.size()));
  CHECK(exit_code(self, true) == ExitCode::ok);
}

TEST_CASE("FLOPs changed by one, in either direction, in a range or the whole: exit 1") {
  for (double change : {1.0, -1.0}) {
    Report b = sample::run();
    *metric(b.workloads[0], 5, "flops").value += change;
    CHECK(code(sample::run(), b) == 1);
    CHECK(entry(compared(sample::run(), b), "layer.00/ssd", "flops")->verdict ==
          Verdict::regressed);
    b = sample::run();
    *b.workloads[0].metrics[4].value += change;
    CHECK(code(sample::run(), b) == 1);
  }
}

TEST_CASE("between variants fewer FLOPs are better and more are worse") {
  const auto verdict = [](double change) {
    Workload b = sample::workload();
    *metric(b, 5, "flops").value += change;
    Report r;
    r.comparisons = {compare_workloads(sample::workload(), b, policy, true)};
    return entry(r, "layer.00/ssd", "flops")->verdict;
  };
  CHECK(verdict(-1) == Verdict::improved);
  CHECK(verdict(1) == Verdict::regressed);
}

TEST_CASE("memory that shrinks is better, that grows is worse") {
  Report b = sample::run();
  b.workloads[0].metrics[7].value = 5e6;
  CHECK(code(sample::run(), b) == 0);
  CHECK(code(b, sample::run()) == 1);
}

TEST_CASE("slower beyond the threshold regresses, faster improves, direction matters") {
  CHECK(code(sample::run(), sample::run(1.2)) == 1);
  CHECK(code(sample::run(1.2), sample::run()) == 0);
  const Report r = compared(sample::run(1.2), sample::run());
  CHECK(entry(r, "", "time")->verdict == Verdict::improved);
  CHECK(*entry(r, "", "time")->ratio == Approx(1 / 1.2));
  CHECK(entry(r, "component:ssd", "time")->verdict == Verdict::improved);
  CHECK(code(sample::run(), sample::run(1.01)) == 0);
}

TEST_CASE("missing and added ranges and workloads") {
  Report b = sample::run();
  b.workloads[0].ranges.pop_back();
  CHECK(code(sample::run(), b) == 1);
  CHECK(entry(compared(sample::run(), b), "head", "")->verdict == Verdict::missing);
  CHECK(code(b, sample::run()) == 0);
  CHECK(entry(compared(b, sample::run()), "head", "")->verdict == Verdict::added);
  b = sample::run();
  b.workloads[0].id = "other";
  CHECK(code(sample::run(), b) == 1);
  b.partial = true;
  CHECK(code(sample::run(), b) == 4);
  b.workloads.clear();
  b.partial = false;
  CHECK(code(sample::run(), b) == 1);
  CHECK(code(b, b) == 4);              // nothing was compared
  CHECK(code(b, sample::run()) == 4);  // the same: only additions
}

TEST_CASE("a metric that could not be measured is no vanished range") {
  Report a = sample::run();
  metric(a.workloads[0], 5, "dram_read").value = 1e9;
  const Report r = compared(a, sample::run());
  const auto* e = entry(r, "layer.00/ssd", "dram_read");
  CHECK(e->verdict == Verdict::incomparable);
  CHECK(e->reason.find("no permission") != std::string::npos);
  CHECK(exit_code(r, false) == ExitCode::incomparable);
  CHECK(entry(compared(sample::run(), a), "layer.00/ssd", "dram_read")->verdict == Verdict::added);
  CHECK(code(sample::run(), a) == 0);
  Report b = sample::run();
  b.workloads[0].ranges[5].metrics.erase(b.workloads[0].ranges[5].metrics.begin());
  CHECK(entry(compared(a, b), "layer.00/ssd", "time")->verdict == Verdict::incomparable);
}

TEST_CASE("fingerprints: formulas compare anywhere, times only on the same machine") {
  const auto change = [](const char* pointer, const nlohmann::json& value) {
    Report b = sample::run();
    b.environment[nlohmann::json::json_pointer(pointer)] = value;
    return compared(sample::run(), b);
  };
  for (const auto* pointer : {"/cpu/model", "/cpu/cores", "/threads", "/libraries/libtorch",
                              "/flags/tf32", "/flags/new"}) {
    const Report r = change(pointer, "changed");
    CHECK(entry(r, "", "time")->verdict == Verdict::incomparable);
    CHECK(entry(r, "", "time")->reason.find(pointer) != std::string::npos);
    CHECK(entry(r, "", "flops")->verdict == Verdict::same);
    CHECK(exit_code(r, false) == ExitCode::incomparable);
  }
  CHECK(entry(change("/threads", 4), "", "memory_activations_peak")->verdict == Verdict::same);
  CHECK(entry(change("/os", "x"), "", "time")->verdict == Verdict::same);
  for (const auto* key : {"weights_hash", "config_hash", "variant", "threads"}) {
    Report b = sample::run();
    b.workloads[0].settings[key] = "changed";
    CHECK(entry(compared(sample::run(), b), "", "time")->verdict == Verdict::incomparable);
  }
}

TEST_CASE("of a driver only the major version counts, and only on a GPU") {
  using S = FingerprintScope;
  const auto env = [](const char* driver) {
    return nlohmann::json{{"gpu", {{"name", "G"}, {"driver", driver}}}};
  };
  CHECK(environment_differences(env("580.95.05"), env("580.1"), S::timed, true).empty());
  CHECK(environment_differences(env("580.95"), env("570.95"), S::timed, true).size() == 1);
  CHECK(environment_differences(env("580.95"), env("570.95"), S::timed, false).empty());
  CHECK(environment_differences(env("580.95"), env("570.95"), S::issued, true).empty());
  CHECK(environment_differences(env("1"), nullptr, S::timed, true).size() == 2);
  CHECK(settings_differences({{"device", "cuda:0"}}, {{"device", "cuda:1"}}, S::timed).empty());
  CHECK(settings_differences({{"device", "cuda"}}, {{"device", "cpu"}}, S::issued).size() == 1);
}

TEST_CASE("a definite regression counts even where other entries cannot be compared") {
  Report b = sample::run();
  b.environment["threads"] = 4;
  *metric(b.workloads[0], 5, "flops").value += 1;
  CHECK(code(sample::run(), b) == 1);
}

TEST_CASE("what one side fuses is summed until both have the same components") {
  Report fused = sample::run();
  Workload& w = fused.workloads[0];
  Workload plain = w;
  w.ranges.clear();
  for (std::size_t i = 0; i < plain.ranges.size(); ++i) {
    Range r = plain.ranges[i];
    if (r.component == "gate") continue;
    if (r.parent > 1) r.parent -= 1;
    if (r.component == "ssd") {
      r.includes = {"gate"};
      for (auto& m : r.metrics) {
        const Metric* gate = find_metric(plain.ranges[i + 1].metrics, m.id);
        if (m.value) *m.value += *gate->value;
        for (std::size_t k = 0; k < m.samples.size(); ++k) m.samples[k] += gate->samples[k];
        if (m.cls == MetricClass::stochastic) m.value = median(m.samples);
      }
    }
    w.ranges.push_back(r);
  }
  sample::attribute_all(w);
  const Report r = compared(sample::run(), fused);
  CHECK(entry(r, "layer.00/ssd+gate", "flops")->verdict == Verdict::same);
  CHECK(entry(r, "component:ssd+gate", "flops")->verdict == Verdict::same);
  CHECK(entry(r, "layer.00/gate", "") == nullptr);
  CHECK(entry(r, "layer.00/norm", "flops")->verdict == Verdict::same);
  CHECK(exit_code(r, true) == ExitCode::ok);
  const Report back = compared(fused, sample::run());
  CHECK(entry(back, "layer.00/ssd+gate", "flops")->verdict == Verdict::same);
  *metric(w, 5, "flops").value += 1;
  CHECK(entry(compared(sample::run(), fused), "layer.00/ssd+gate", "flops")->verdict ==
        Verdict::regressed);
}

TEST_CASE("semi-deterministic metrics have a tolerance and a floor") {
  const auto verdict = [](double before, double after) {
    Report a = sample::run();
    Report b = sample::run();
    metric(a.workloads[0], 5, "dram_read").value = before;
    metric(b.workloads[0], 5, "dram_read").value = after;
    return entry(compared(a, b), "layer.00/ssd", "dram_read")->verdict;
  };
  CHECK(verdict(1e9, 1.02e9) == Verdict::same);
  CHECK(verdict(1e9, 1.04e9) == Verdict::regressed);
  CHECK(verdict(1e9, 0.9e9) == Verdict::improved);
  CHECK(verdict(1e6, 3e6) == Verdict::same);
}

TEST_CASE("too few or too noisy samples are ambiguous, which only strict refuses") {
  Report a = sample::run();
  Report b = sample::run(1.2);
  for (auto* r : {&a, &b}) {
    Workload& w = r->workloads[0];
    w.ranges.clear();
    w.attributions.clear();
    w.metrics.resize(1);
    w.metrics[0].samples.resize(4);
    w.metrics[0].interval.reset();
  }
  const Report r = compared(a, b);
  CHECK(entry(r, "", "time")->verdict == Verdict::ambiguous);
  CHECK(entry(r, "", "time")->reason.find("4 samples") != std::string::npos);
  CHECK(exit_code(r, false) == ExitCode::ok);
  CHECK(exit_code(r, true) == ExitCode::incomparable);
}

TEST_CASE("a value without an interval is the same within the threshold and ambiguous beyond") {
  const auto with_energy = [](double joules) {
    Workload w;
    w.id = "w", w.settings = nlohmann::json::object();
    Metric m = missing("energy", "J", MetricClass::stochastic, "nvml", "");
    m.value = joules;
    w.metrics = {m};
    return w;
  };
  const double threshold = policy.rule("energy", MetricClass::stochastic).threshold;
  const auto verdict = [&](double ratio) {
    return compare_workloads(with_energy(2), with_energy(2 * ratio), policy, false)
        .entries.at(0)
        .verdict;
  };
  CHECK(verdict(1 + 0.9 * threshold) == Verdict::same);
  CHECK(verdict(1 / (1 + 0.9 * threshold)) == Verdict::same);
  CHECK(verdict(1 + 1.1 * threshold) == Verdict::ambiguous);
}

TEST_CASE("only what was timed in turns is compared as pairs") {
  std::mt19937_64 random(3);
  auto a = noisy(random, 1), b = noisy(random, 1);
  // Drift that both follow: pairs see none of it, two runs after each other cannot tell.
  for (std::size_t k = 0; k < 20; ++k) {
    a.metrics[0].samples[k] = 0.01 * (1 + 0.02 * static_cast<double>(k));
    b.metrics[0].samples[k] = 1.03 * a.metrics[0].samples[k];
  }
  const auto width = [&](const char* id, const char* source) {
    for (auto* w : {&a, &b}) {
      w->metrics[0].id = id, w->metrics[0].source = source;
      w->metrics[0].value = median(w->metrics[0].samples);
    }
    const auto e = compare_workloads(a, b, policy, true).entries.at(0);
    REQUIRE(e.interval);
    return e.interval->high - e.interval->low;
  };
  CHECK(width("time", "cuda_event") < 1e-9);
  CHECK(width("time", "clock") < 1e-9);
  CHECK(width("kernel_time", "cupti.activity") > 0.05);
}

TEST_CASE("false verdicts are rarer than the level, and 5 % is found, paired and stored") {
  std::mt19937_64 random(23);
  const int trials = 300;
  for (bool paired : {true, false}) {
    Policy p = default_policy();
    p.override_threshold(0);
    int false_verdicts = 0;
    int found = 0;
    for (int t = 0; t < trials; ++t) {
      const Workload base = noisy(random, 1, 30);
      const Comparison null = compare_workloads(base, noisy(random, 1, 30), p, paired);
      for (const auto& e : null.entries) {
        if (e.range.empty()) continue;
        if (e.verdict != Verdict::regressed && e.verdict != Verdict::improved) continue;
        ++false_verdicts;
        break;
      }
      const Comparison slow = compare_workloads(base, noisy(random, 1.05, 30), p, paired);
      found += count(slow, Verdict::regressed) == 13 ? 1 : 0;
    }
    CHECK(false_verdicts <= 0.05 * trials);
    CHECK(found >= 0.95 * trials);
  }
}

TEST_CASE("reports of comparisons cannot be compared") {
  CHECK_THROWS_AS(compared(sample::paired(), sample::run()), InputError);
  CHECK_THROWS_AS(compared(sample::run(), sample::paired()), InputError);
}
