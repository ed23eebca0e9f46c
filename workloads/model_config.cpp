#include "workloads/model_config.hpp"

#include <cmath>

#include "reports/error.hpp"
#include "workloads/config_fields.hpp"

namespace ssmprof::workloads {

namespace {

void in_range(const char* field, std::int64_t value, std::int64_t most) {
  if (value >= 1 && value <= most) return;
  throw reports::InputError(std::string(field) + " must be from 1 to " + std::to_string(most) +
                            ", found " + std::to_string(value));
}

void divides(const char* divisor, std::int64_t a, const char* dividend, std::int64_t b) {
  if (b % a == 0) return;
  throw reports::InputError(std::string(divisor) + " = " + std::to_string(a) + " does not divide " +
                            dividend + " = " + std::to_string(b));
}

}  // namespace

void ModelConfig::validate() const {
  in_range("d_model", d_model, ConfigLimits::d_model);
  in_range("n_layer", n_layer, ConfigLimits::n_layer);
  in_range("vocab_size", vocab_size, ConfigLimits::vocab);
  in_range("d_inner", d_inner, ConfigLimits::d_inner);
  in_range("d_conv", d_conv, ConfigLimits::conv);
  if (static_cast<std::int64_t>(d_state.size()) != n_layer) {
    throw reports::InputError("d_state has " + std::to_string(d_state.size()) + " entries for " +
                              std::to_string(n_layer) + " layers");
  }
  for (const std::int64_t state : d_state) in_range("d_state", state, ConfigLimits::state);
  if (!(std::isfinite(norm_eps) && norm_eps >= 0)) {
    throw reports::InputError("the norm's epsilon must be finite and not negative");
  }
  if (!(dt_min >= 0 && dt_max > 0 && dt_min <= dt_max)) {
    throw reports::InputError("the time step limits must satisfy 0 <= low <= high, high > 0");
  }
  if (family == Family::mamba1) {
    in_range("dt_rank", dt_rank, ConfigLimits::d_inner);
    return;
  }
  in_range("head_dim", head_dim, ConfigLimits::d_inner);
  in_range("n_heads", n_heads, ConfigLimits::d_inner);
  in_range("n_groups", n_groups, ConfigLimits::d_inner);
  in_range("chunk_size", chunk_size, ConfigLimits::chunk);
  in_range("norm_group_size", norm_group_size, ConfigLimits::d_inner);
  if (n_heads * head_dim != d_inner) {
    throw reports::InputError("n_heads times head_dim is " + std::to_string(n_heads * head_dim) +
                              ", but d_inner is " + std::to_string(d_inner));
  }
  divides("n_groups", n_groups, "n_heads", n_heads);
  divides("norm_group_size", norm_group_size, "d_inner", d_inner);
}

}  // namespace ssmprof::workloads
