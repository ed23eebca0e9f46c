#include "probes/doctor.hpp"
#include "probes/metrics.hpp"
#include "probes/occupancy.hpp"
#include "probes/registry.hpp"

#include "tests/probes/gpu_execution.cuh"

using namespace ssmprof;
using namespace ssmprof::probes;
using namespace ssmprof::probes::testing;

namespace {

constexpr int kBlocks = 528, kThreads = 256;

double value(const std::vector<reports::Metric>& metrics, const char* id) {
  const auto* metric = find_metric(metrics, id);
  REQUIRE(metric != nullptr);
  INFO(id << ": " << metric->reason);
  REQUIRE(metric->value.has_value());
  return *metric->value;
}

GpuExecution::Work busy(float* out, int steps, int launches = 1) {
  return [=](cudaStream_t stream) {
    for (int i = 0; i < launches; ++i) {
      busy_kernel<<<kBlocks, kThreads, 0, stream>>>(out, 1.0f, 0.5f, steps);
    }
  };
}

}  // namespace

TEST_CASE("activity maps every kernel to the range that launched it") {
  if (no_gpu()) return;
  Buffer out(kBlocks * kThreads);
  GpuExecution execution(small_tree(),
                         {nullptr, busy(out.data(), 1000), nullptr, busy(out.data(), 2000, 3),
                          busy(out.data(), 50000), nullptr});
  auto target = laid_out(execution);
  const auto probe = std::move(select_probes({"activity"}).front());
  const auto available = probe->available(execution.spec());
  INFO(available.reason);
  if (!available.ok) {
    std::printf("SKIPPED: %s\n", available.reason.c_str());
    return;
  }
  probe->measure(execution, {}, target);
  for (const auto& d : target.diagnostics)
    std::printf("%s: %s\n", d.rule.c_str(), d.message.c_str());
  CHECK(value(target.metrics, "launches") == 5);
  CHECK(value(target.ranges[1].metrics, "launches") == 1);
  CHECK(value(target.ranges[2].metrics, "launches") == 4);
  CHECK(value(target.ranges[3].metrics, "launches") == 3);
  CHECK(value(target.ranges[5].metrics, "launches") == 0);
  const double long_one = value(target.ranges[4].metrics, "kernel_time");
  CHECK(long_one > 10 * value(target.ranges[1].metrics, "kernel_time"));
  const double sum = value(target.ranges[1].metrics, "kernel_time") +
                     value(target.ranges[3].metrics, "kernel_time") + long_one;
  CHECK(sum == Approx(value(target.metrics, "kernel_time")).epsilon(0.01));
  CHECK(value(target.metrics, "kernel_time_union") <=
        value(target.metrics, "kernel_time") * 1.0001);
  REQUIRE(target.ranges[3].kernels.size() == 1);
  const auto& kernel = target.ranges[3].kernels.front();
  CHECK(kernel.name.find("busy_kernel") != std::string::npos);
  CHECK(kernel.grid[0] == kBlocks);
  CHECK(kernel.block[0] == kThreads);
  CHECK(kernel.launches == 3);
  CHECK(kernel.registers > 0);
  int blocks = 0;
  SSMPROF_CUDA_OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, busy_kernel, kThreads, 0));
  std::string reason;
  const auto gpu = find_gpu(0, reason);
  CHECK(kernel.occupancy ==
        Approx(static_cast<double>(blocks) * kThreads / gpu->max_threads_per_multiprocessor));
  CHECK(has_diagnostic(target, "activity.records"));
}

TEST_CASE("activity says what ran outside of every range") {
  if (no_gpu()) return;
  Buffer out(kBlocks * kThreads);
  GpuExecution execution(small_tree(), {nullptr, busy(out.data(), 1000), busy(out.data(), 20000),
                                        busy(out.data(), 1000), nullptr, busy(out.data(), 1000)});
  auto target = laid_out(execution);
  const auto probe = std::move(select_probes({"activity"}).front());
  if (!probe->available(execution.spec()).ok) return;
  probe->measure(execution, {}, target);
  CHECK(value(target.metrics, "launches") == 4);
  bool warned = false;
  for (const auto& d : target.diagnostics) {
    if (d.rule == "activity.records") warned = d.level == reports::Diagnostic::Level::warning;
  }
  CHECK(warned);
}

TEST_CASE("theoretical occupancy agrees with the runtime") {
  if (no_gpu()) return;
  std::string reason;
  const auto gpu = find_gpu(0, reason);
  REQUIRE(gpu);
  cudaFuncAttributes attributes{};
  SSMPROF_CUDA_OK(cudaFuncGetAttributes(&attributes, exp_kernel));
  for (const int threads : {32, 96, 128, 256, 512, 1024}) {
    for (const int shared : {0, 1000, 10000, 40000}) {
      int blocks = 0;
      SSMPROF_CUDA_OK(
          cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, exp_kernel, threads, shared));
      CAPTURE(threads, shared);
      CHECK(theoretical_occupancy(*gpu, threads, attributes.numRegs, shared) ==
            Approx(static_cast<double>(blocks) * threads / gpu->max_threads_per_multiprocessor));
    }
  }
}

TEST_CASE("events time ranges on the device and sum to the whole") {
  if (no_gpu()) return;
  Buffer out(kBlocks * kThreads);
  GpuExecution execution(small_tree(),
                         {nullptr, busy(out.data(), 100000), nullptr, busy(out.data(), 200000),
                          busy(out.data(), 400000), busy(out.data(), 100000)});
  auto target = laid_out(execution);
  ProbeOptions options;
  options.warmup_seconds = 0.1;
  options.max_seconds = 2;
  select_probes({"time"}).front()->measure(execution, options, target);
  const double whole = value(target.metrics, "time");
  double leaves = 0;
  for (const int i : {1, 3, 4, 5}) leaves += value(target.ranges[i].metrics, "time");
  std::printf("time: whole %.6f s, leaves %.6f s\n", whole, leaves);
  CHECK(leaves == Approx(whole).epsilon(0.02));
  CHECK(value(target.ranges[4].metrics, "time") ==
        Approx(2 * value(target.ranges[3].metrics, "time")).epsilon(0.05));
  CHECK(find_metric(target.metrics, "time")->source == "cuda_event");
}

TEST_CASE("energy and clocks are read under load") {
  if (no_gpu()) return;
  Buffer out(kBlocks * kThreads);
  GpuExecution execution(small_tree(),
                         {nullptr, busy(out.data(), 100000), nullptr, nullptr, nullptr, nullptr});
  auto target = laid_out(execution);
  const auto probe = std::move(select_probes({"power"}).front());
  const auto available = probe->available(execution.spec());
  if (!available.ok) {
    std::printf("SKIPPED: %s\n", available.reason.c_str());
    return;
  }
  probe->measure(execution, {}, target);
  const double power = value(target.metrics, "power");
  const double energy = value(target.metrics, "energy");
  std::printf("power %.1f W, energy %.6f J, clock %.0f MHz\n", power, energy,
              value(target.metrics, "sm_clock") * 1e-6);
  CHECK(power > 20);
  CHECK(power < 2000);
  CHECK(energy > 0);
}

TEST_CASE("the doctor's findings, and ranges that Nsight Compute can select") {
  if (no_gpu()) return;
  for (const auto& check : diagnose()) {
    std::printf("%d %-14s %s | %s\n", check.level, check.name.c_str(), check.finding.c_str(),
                check.hint.c_str());
    CHECK_FALSE(check.finding.empty());
  }
  Buffer out(kBlocks * kThreads);
  GpuExecution execution(small_tree(), {nullptr, busy(out.data(), 11), nullptr,
                                        busy(out.data(), 12), busy(out.data(), 13), nullptr});
  const auto probe = std::move(select_probes({"nvtx"}).front());
  auto* observer = probe->ambient(execution.ranges());
  REQUIRE(observer != nullptr);
  execution.run(observer);
  execution.synchronize();
}

TEST_CASE("tracing many small launches costs little") {
  if (no_gpu()) return;
  constexpr int kLeaves = 200, kLaunches = 4;
  Buffer out(1 << 12);
  std::vector<RangeSpec> ranges{group("forward", -1)};
  std::vector<GpuExecution::Work> work{nullptr};
  for (int i = 0; i < kLeaves; ++i) {
    ranges.push_back(leaf("layer/" + std::to_string(i), 0, workloads::Component::conv));
    work.push_back([&out](cudaStream_t stream) {
      for (int j = 0; j < kLaunches; ++j) {
        busy_kernel<<<4, 64, 0, stream>>>(out.data(), 1.0f, 0.5f, 4);
      }
    });
  }
  GpuExecution execution(ranges, work);
  auto target = laid_out(execution);
  ProbeOptions options;
  options.max_seconds = 1;
  select_probes({"time"}).front()->measure(execution, options, target);
  const auto probe = std::move(select_probes({"activity"}).front());
  if (!probe->available(execution.spec()).ok) return;
  probe->measure(execution, options, target);
  CHECK(value(target.metrics, "launches") == kLeaves * kLaunches);
  for (const auto& d : target.diagnostics)
    std::printf("%s: %s\n", d.rule.c_str(), d.message.c_str());
  // Nothing of it stays behind for the next workload's time. Launching is the host's work, whose
  // speed wanders: the best of a few.
  const double before = value(target.metrics, "time");
  double now = 1e9;
  for (int i = 0; i < 4 && now >= 1.2 * before; ++i) {
    auto after = laid_out(execution);
    select_probes({"time"}).front()->measure(execution, options, after);
    now = std::min(now, value(after.metrics, "time"));
  }
  std::printf("untraced: before %.1f us, after %.1f us\n", before * 1e6, now * 1e6);
  CHECK(now < 1.2 * before);
}
