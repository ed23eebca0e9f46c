#pragma once

#include <cstdint>
#include <string>

namespace ssmprof::workloads {

/// Bytes of host memory that this process can still take without being killed: the kernel's
/// estimate (MemAvailable) or the control group's remaining allowance, whichever is less.
std::uint64_t available_host_memory();

/// Throws reports::EnvironmentError, saying how much is needed and how much there is, when `bytes`
/// more do not fit. `what` is what needs them, e.g. "the weights of mamba-2.8b in fp32".
void require_host_memory(std::uint64_t bytes, const std::string& what);

}  // namespace ssmprof::workloads
