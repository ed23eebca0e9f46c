#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace ssmprof::reports {

/// What must agree between two stored runs before a metric of theirs may be compared.
enum class FingerprintScope {
  anywhere,  ///< formulas: nothing
  issued,    ///< counted work: chip, libraries, numeric flags
  timed,     ///< times, energy, traffic: also driver major, clock and power policy, threads, …
};

const char* name_of(FingerprintScope scope);

/// One place of the environment that matters.
struct FingerprintField {
  const char* pointer;  ///< JSON pointer into Report::environment
  FingerprintScope scope;
  bool gpu_only;    ///< matters only to workloads on a GPU
  bool major_only;  ///< only what stands before the first dot counts
};

/// All of them; the list is data for docs and tests.
const std::vector<FingerprintField>& fingerprint_fields();

/// Differences that forbid comparing metrics of this scope, each as "/gpu/name: A ≠ B".
/// A field that both sides lack agrees; one that only one side has does not.
std::vector<std::string> environment_differences(const nlohmann::json& baseline,
                                                 const nlohmann::json& candidate,
                                                 FingerprintScope scope, bool on_gpu);

/// The same for the settings of two workloads (hashes, variant, dtype of the state, …).
std::vector<std::string> settings_differences(const nlohmann::json& baseline,
                                              const nlohmann::json& candidate,
                                              FingerprintScope scope);

}  // namespace ssmprof::reports
