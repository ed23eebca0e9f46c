#include "probes/metrics.hpp"
#include "probes/registry.hpp"

#include "tests/probes/gpu_execution.cuh"

using namespace ssmprof;
using namespace ssmprof::probes;
using namespace ssmprof::probes::testing;

namespace {

constexpr std::size_t kElements = std::size_t{1} << 26;  // 256 MiB of floats, five times the L2

double value(const std::vector<reports::Metric>& metrics, const char* id) {
  const auto* metric = find_metric(metrics, id);
  REQUIRE(metric != nullptr);
  INFO(id << ": " << metric->reason);
  REQUIRE(metric->value.has_value());
  return *metric->value;
}

/// Operations without the constants that the compiler loads by HFMA2.
double single_flops(const std::vector<reports::Metric>& metrics) {
  return value(metrics, "flops_issued") - value(metrics, "flops_issued_half");
}

}  // namespace

TEST_CASE("counters agree with kernels of known counts") {
  if (no_gpu()) return;
  constexpr int kBlocks = 8192, kThreads = 256, kSteps = 1024;
  Buffer in(kElements), out(kElements);
  const auto copy = [&](cudaStream_t stream) {
    copy_kernel<<<132 * 16, 256, 0, stream>>>(reinterpret_cast<const float4*>(in.data()),
                                              reinterpret_cast<float4*>(out.data()), kElements / 4);
  };
  const auto ffma = [&](cudaStream_t stream) {
    ffma_kernel<kSteps><<<kBlocks, kThreads, 0, stream>>>(out.data(), 1.0f, 0.5f);
  };
  const auto exponential = [&](cudaStream_t stream) {
    exp_kernel<<<kElements / 256, 256, 0, stream>>>(in.data(), out.data(), kElements);
  };
  GpuExecution execution(small_tree(), {nullptr, copy, nullptr, ffma, exponential, nullptr});
  execution.spec_.dtype = kernels::DType::bf16;
  auto target = laid_out(execution);
  const auto probe = std::move(select_probes({"counters"}).front());
  const auto available = probe->available(execution.spec());
  if (!available.ok) {
    std::printf("SKIPPED: %s (%s)\n", available.reason.c_str(), available.hint.c_str());
    return;
  }
  // The tracing of an earlier phase must not be in the way, and tells which ranges are empty.
  select_probes({"activity"}).front()->measure(execution, {}, target);
  probe->measure(execution, {}, target);
  for (const auto& d : target.diagnostics)
    std::printf("%s: %s\n", d.rule.c_str(), d.message.c_str());
  for (const auto& range : target.ranges) {
    for (const auto& m : range.metrics) {
      if (m.source == "cupti.counters") {
        std::printf("%-14s %-24s %.0f %s\n", range.id.c_str(), m.id.c_str(), m.value.value_or(-1),
                    m.reason.c_str());
      }
    }
  }
  const double bytes = kElements * sizeof(float);
  CHECK(value(target.ranges[1].metrics, "dram_read") == Approx(bytes).epsilon(0.01));
  const double dram =
      value(target.ranges[1].metrics, "dram_read") + value(target.ranges[1].metrics, "dram_write");
  CHECK(dram == Approx(2 * bytes).epsilon(0.01));
  CHECK(value(target.ranges[1].metrics, "l2_bytes") >= 2 * bytes);
  CHECK(single_flops(target.ranges[1].metrics) == 0);
  CHECK(single_flops(target.ranges[3].metrics) == 2.0 * kBlocks * kThreads * kSteps);
  CHECK(value(target.ranges[3].metrics, "flops_tensor") == 0);
  CHECK(value(target.ranges[4].metrics, "transcendentals_issued") ==
        static_cast<double>(kElements));
  CHECK(value(target.ranges[5].metrics, "flops_issued") == 0);
  CHECK(single_flops(target.metrics) == 2.0 * kBlocks * kThreads * kSteps);
  CHECK(single_flops(target.ranges[2].metrics) == 2.0 * kBlocks * kThreads * kSteps);
  CHECK(find_metric(target.ranges[1].metrics, "dram_read")->passes == 2);
}

TEST_CASE("the tensor cores' operations of a matrix product are counted exactly") {
  if (no_gpu()) return;
  constexpr int kMatrix = 1024;
  Buffer in(kMatrix * kMatrix), out(kMatrix * kMatrix);
  const auto matmul = [&](cudaStream_t stream) {
    const auto* operand = reinterpret_cast<const __nv_bfloat16*>(in.data());
    matmul_kernel<<<dim3(kMatrix / 16, kMatrix / 16), 32, 0, stream>>>(operand, operand, out.data(),
                                                                       kMatrix);
  };
  constexpr int kProducts = 1000;  // in TF32, as a kernel of a bf16 run may use it
  const auto tf32 = [&](cudaStream_t stream) {
    tf32_kernel<<<kProducts, 32, 0, stream>>>(in.data(), out.data());
  };
  GpuExecution execution(small_tree(), {nullptr, nullptr, nullptr, matmul, tf32, nullptr});
  execution.spec_.dtype = kernels::DType::bf16;
  auto target = laid_out(execution);
  const auto probe = std::move(select_probes({"counters"}).front());
  if (!probe->available(execution.spec()).ok) return;
  probe->measure(execution, {}, target);
  CHECK(value(target.ranges[3].metrics, "flops_tensor") == 2147483648.0);  // 2 · 1024³
  CHECK(value(target.ranges[4].metrics, "flops_tensor") == 2.0 * 16 * 16 * 8 * kProducts);
  CHECK(value(target.metrics, "flops_tensor") == 2147483648.0 + 2.0 * 16 * 16 * 8 * kProducts);
}

TEST_CASE("a thousand ranges are counted exactly") {
  if (no_gpu()) return;
  Buffer out(64 * 1001);
  std::vector<RangeSpec> ranges{group("forward", -1)};
  std::vector<GpuExecution::Work> work{nullptr};
  for (int i = 0; i < 1000; ++i) {
    ranges.push_back(leaf("layer/" + std::to_string(i), 0, workloads::Component::conv));
    work.push_back([&out, i](cudaStream_t stream) {
      ffma_kernel<16><<<1 + i, 64, 0, stream>>>(out.data(), 1.0f, 0.5f);
    });
  }
  GpuExecution execution(ranges, work);
  auto target = laid_out(execution);
  const auto probe = std::move(select_probes({"counters"}).front());
  if (!probe->available(execution.spec()).ok) return;
  ProbeOptions options;
  options.metric_sets = {"flops"};
  const auto start = std::chrono::steady_clock::now();
  probe->measure(execution, options, target);
  std::printf("1000 ranges: %.2f s\n",
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  for (const auto& d : target.diagnostics)
    std::printf("%s: %s\n", d.rule.c_str(), d.message.c_str());
  for (int i = 0; i < 1000; i += 37) {
    CAPTURE(i);
    CHECK(single_flops(target.ranges[i + 1].metrics) == 2.0 * 16 * 64 * (1 + i));
  }
}

TEST_CASE("a workload of more ranges than the one before is counted whole") {
  if (no_gpu()) return;
  Buffer out(64 * 1001);
  const auto probe = std::move(select_probes({"counters"}).front());
  ProbeOptions options;
  options.metric_sets = {"flops"};
  for (const int leaves : {3, 40, 7}) {
    std::vector<RangeSpec> ranges{group("forward", -1)};
    std::vector<GpuExecution::Work> work{nullptr};
    for (int i = 0; i < leaves; ++i) {
      ranges.push_back(leaf("layer/" + std::to_string(i), 0, workloads::Component::conv));
      work.push_back([&out, i](cudaStream_t stream) {
        ffma_kernel<16><<<1 + i, 64, 0, stream>>>(out.data(), 1.0f, 0.5f);
      });
    }
    GpuExecution execution(ranges, work);
    auto target = laid_out(execution);
    if (!probe->available(execution.spec()).ok) return;
    probe->measure(execution, options, target);
    for (int i = 0; i < leaves; ++i) {
      CAPTURE(leaves, i);
      CHECK(single_flops(target.ranges[i + 1].metrics) == 2.0 * 16 * 64 * (1 + i));
    }
  }
}
