#include "harness/cross_check.hpp"

#include <algorithm>
#include <sstream>

#include "harness/logits.hpp"
#include "workloads/tokens.hpp"

namespace ssmprof::harness {
namespace {

constexpr std::int64_t kPositions = 48;

}  // namespace

CrossCheck::CrossCheck(const workloads::Checkpoint& checkpoint, const workloads::TokenBatch& tokens,
                       std::uint64_t seed)
    : input_(tokens.empty()
                 ? workloads::random_tokens(1, kPositions, checkpoint.config.vocab_size, seed)
                 : workloads::fit_tokens(
                       tokens, 1,
                       std::min<std::int64_t>(kPositions,
                                              static_cast<std::int64_t>(tokens[0].size())))) {}

reports::Diagnostic CrossCheck::add(workloads::Model& model, const workloads::ExecutionSpec& spec) {
  using Level = reports::Diagnostic::Level;
  auto logits = model.prefill_logits(input_);
  const std::string name = name_of(spec.backend);
  const bool exact = spec.dtype == kernels::DType::f32;
  bool good = all_finite(logits);
  std::ostringstream text;
  text << name << " over " << logits.length << " positions: ";
  if (!good) {
    text << "logits are not finite";
  } else if (!first_) {
    text << "logits are finite; the reference of the other backends";
    first_ = std::move(logits);
    first_backend_ = spec.backend;
  } else {
    const double error = relative_error(logits, *first_);
    text << "relative logit error against " << name_of(first_backend_) << " " << error;
    if (exact) {
      good = error <= kFp32Tolerance;
      text << " (tolerance " << kFp32Tolerance << ")";
    } else {
      text << " (no verdict in " << kernels::name_of(spec.dtype)
           << ", whose rounding grows with depth)";
    }
  }
  agrees_ = agrees_ && good;
  return {"verify.backends", good ? Level::info : Level::error, text.str(),
          good ? "" : "run 'ssmprof verify' on this model; do not trust its timings"};
}

}  // namespace ssmprof::harness
