#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "workloads/checkpoint.hpp"
#include "workloads/pruning/calibration.hpp"

namespace ssmprof::workloads {

/// Importance of every state: [layer][group · N + n] (Mamba-1 has one group). Higher stays.
using StateScores = std::vector<std::vector<double>>;

struct ScoreInput {
  const Checkpoint& checkpoint;
  const CalibrationStats* calibration = nullptr;  ///< given when needs_calibration()
  std::uint64_t seed = 0;
};

/// One way of judging states. A file scores/NAME_score.cpp defines make_NAME_score().
class Score {
 public:
  virtual ~Score() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;  ///< one line with its source
  virtual bool needs_calibration() const { return false; }
  /// Throws reports::InputError where the score is undefined, naming the scores that exist.
  virtual StateScores compute(const ScoreInput& input) const = 0;
};

/// All scores, generated from the files scores/*_score.cpp.
std::vector<std::unique_ptr<Score>> make_scores();

}  // namespace ssmprof::workloads
