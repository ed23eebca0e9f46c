#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "workloads/range.hpp"

namespace ssmprof::harness {

/// What Nsight Compute is asked to look at.
struct NcuRequest {
  std::vector<std::string> components;  ///< range components ("ssd") or design rows ("ssm")
  std::vector<std::int64_t> layers;     ///< empty: every layer
  std::vector<std::string> metrics;     ///< empty: ncu's basic set
  std::string replay = "kernel";        ///< kernel or application
  std::string output;                   ///< ncu report file; empty: print as CSV
  std::vector<std::string> program;     ///< ssmprof and its arguments
};

/// The NVTX filter of one range: push/pop range `id` in domain ssmprof, with the slash of the name
/// escaped by nesting as ncu wants it, and a trailing slash.
std::string nvtx_filter(const std::string& range_id);

/// The leaves that a request names. Throws reports::InputError for an unknown component (naming
/// the known ones) or a layer that the model does not have.
std::vector<std::string> selected_ranges(const NcuRequest& request,
                                         const std::vector<workloads::RangeSpec>& ranges);

/// argv of the exact ncu call: clocks and caches left alone, so that its numbers compare with ours.
std::vector<std::string> ncu_arguments(const NcuRequest& request,
                                       const std::vector<workloads::RangeSpec>& ranges);

/// The same as one line for a shell.
std::string shell_line(const std::vector<std::string>& arguments);

}  // namespace ssmprof::harness
