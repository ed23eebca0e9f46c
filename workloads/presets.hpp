#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/dtype.hpp"
#include "workloads/checkpoint.hpp"

namespace ssmprof::workloads {

/// The built-in model shapes: presets/NAME.json, each a Hugging Face config.json as it is.
std::vector<std::string> preset_names();

/// The configuration of a preset; throws reports::InputError listing the names and the nearest.
ModelConfig preset(const std::string& name);

/// The preset's config.json.
std::string preset_source(const std::string& name);

/// A checkpoint directory when one of that name exists, else a preset with seeded weights.
/// `dtype` is that of seeded weights; those of a directory stay as stored. Throws
/// reports::InputError when it is neither.
Checkpoint open_model(const std::string& directory_or_preset, std::uint64_t seed,
                      kernels::DType dtype);

}  // namespace ssmprof::workloads
