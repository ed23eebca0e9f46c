#pragma once

#include <memory>
#include <vector>

#include "workloads/component_errors.hpp"

namespace ssmprof::workloads {

class Ops;

/// Mistakes that a backend could make, for the tests that must see them flagged.
enum class PlantedError {
  none,
  skip,       ///< the skip connection has 1 % too much D
  state,      ///< a decode step does not advance the SSM state
  forgotten,  ///< several tokens that continue from a state begin at zero
  gemm,       ///< out_proj and all other GEMMs drop their last input channel
  norm,       ///< the norm's ε is 0.01 too large
};

std::unique_ptr<Ops> make_faulty_ops(std::unique_ptr<Ops> inner, PlantedError error);

/// component_errors() of a backend that makes this mistake.
std::vector<ComponentError> component_errors(std::shared_ptr<const Checkpoint> checkpoint,
                                             const ExecutionSpec& spec, const TokenBatch& tokens,
                                             PlantedError planted);

}  // namespace ssmprof::workloads
