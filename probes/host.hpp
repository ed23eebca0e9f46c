#pragma once

#include <cstdint>
#include <string>

namespace ssmprof::probes {

/// This machine, from /proc and the operating system; empty or 0 where unknown.
struct Host {
  std::string cpu;                     ///< model name
  std::string isa;                     ///< vector extensions that matter: "avx2 fma avx512f …"
  int cores = 0;                       ///< that this process may use
  std::uint64_t memory = 0;            ///< B installed
  std::uint64_t memory_available = 0;  ///< B
  std::string os;                      ///< "Debian GNU/Linux 12 (bookworm), Linux 6.1.0"
};

Host describe_host();

/// Seconds since the operating system started this process, loading its libraries included, to a
/// hundredth; 0 where unknown.
double process_seconds();

}  // namespace ssmprof::probes
