#pragma once

#include <cstdint>
#include <vector>

#include "workloads/execution.hpp"

namespace ssmprof::workloads {

/// Logits of all positions from consecutive passes over `pieces` tokens each (their sum is the
/// length), every pass continuing from the states that the one before left.
class Continuing {
 public:
  virtual ~Continuing() = default;
  virtual LogitsTable continued_logits(const TokenBatch& tokens,
                                       const std::vector<std::int64_t>& pieces) = 0;
};

/// The same for a model from make_model().
LogitsTable continued_logits(Model& model, const TokenBatch& tokens,
                             const std::vector<std::int64_t>& pieces);

}  // namespace ssmprof::workloads
