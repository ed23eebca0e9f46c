#include "harness/kernel_table.hpp"

#include <cstdio>
#include <string>

#include "harness/kernel_report.hpp"

namespace ssmprof::harness {
namespace {

/// A share in percent, or a dash where its peak is unknown.
std::string percent(double share) {
  if (!(share > 0)) return "-";
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
  return text;
}

}  // namespace

void print_kernel_rates(const kernels::bench::Rates& rates) {
  std::printf("%s: copy %.3g GB/s", rates.device.c_str(), rates.copy_bytes_per_second / 1e9);
  if (rates.gemm_flops_per_second > 0)
    std::printf(", GEMM %.3g TFLOP/s", rates.gemm_flops_per_second / 1e12);
  if (rates.multiprocessors > 0) std::printf(", %d multiprocessors", rates.multiprocessors);
  std::printf("\n\n%13s  %8s  %8s  %8s  %8s  %8s  %s\n", "time", "of floor", "GB/s", "MUFU",
              "issue >=", "error", "kernel");
}

void print_kernel(const kernels::bench::Measurement& m) {
  const std::string id = kernel_workload_id(m).substr(std::string("kernel/").size());
  if (!m.error_message.empty()) {
    std::printf("%13s  %8s  %8s  %8s  %8s  %8.1e  %s: %s\n", "-", "-", "-", "-", "-", m.error,
                id.c_str(), m.error_message.c_str());
  } else {
    std::printf("%10.2f us  %8s  %8.0f  %8s  %8s  %8.1e  %s%s%s\n", m.median * 1e6,
                percent(m.percent_of_floor / 100).c_str(), m.bytes_per_second / 1e9,
                percent(m.mufu_share).c_str(), percent(m.issue_share).c_str(), m.error, id.c_str(),
                m.timing_note.empty() ? "" : "  ", m.timing_note.c_str());
  }
  std::fflush(stdout);
}

}  // namespace ssmprof::harness
