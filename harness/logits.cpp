#include "harness/logits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace ssmprof::harness {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool same_shape(const workloads::LogitsTable& a, const workloads::LogitsTable& b) {
  return a.batch == b.batch && a.length == b.length && a.vocab == b.vocab &&
         a.values.size() == b.values.size();
}

double log_sum_exp(std::span<const float> row) {
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (const float v : row) sum += std::exp(v - top);
  return top + std::log(sum);
}

}  // namespace

double relative_error(const workloads::LogitsTable& candidate,
                      const workloads::LogitsTable& reference) {
  if (!same_shape(candidate, reference)) return kInfinity;
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < reference.values.size(); ++i) {
    const double r = reference.values[i], d = candidate.values[i] - r;
    difference += d * d;
    norm += r * r;
  }
  const double error = std::sqrt(difference) / std::sqrt(norm);
  if (difference == 0 && std::isfinite(norm)) return 0;
  return std::isfinite(error) ? error : kInfinity;
}

double mean_kl(const workloads::LogitsTable& candidate, const workloads::LogitsTable& reference) {
  if (!same_shape(candidate, reference) || reference.values.empty()) return kInfinity;
  const auto vocab = static_cast<std::size_t>(reference.vocab);
  const std::size_t positions = reference.values.size() / vocab;
  double total = 0;
  for (std::size_t p = 0; p < positions; ++p) {
    const std::span<const float> ref(reference.values.data() + p * vocab, vocab);
    const std::span<const float> cand(candidate.values.data() + p * vocab, vocab);
    const double ref_norm = log_sum_exp(ref), cand_norm = log_sum_exp(cand);
    for (std::size_t v = 0; v < vocab; ++v) {
      const double log_p = ref[v] - ref_norm;
      total += std::exp(log_p) * (log_p - (cand[v] - cand_norm));
    }
  }
  const double mean = total / static_cast<double>(positions);
  return std::isfinite(mean) ? std::max(mean, 0.0) : kInfinity;
}

bool all_finite(const workloads::LogitsTable& logits) {
  return !logits.values.empty() && std::all_of(logits.values.begin(), logits.values.end(),
                                               [](float v) { return std::isfinite(v); });
}

}  // namespace ssmprof::harness
