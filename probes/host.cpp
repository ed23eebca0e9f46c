#include "probes/host.hpp"

#include <fstream>
#include <sched.h>
#include <set>
#include <sstream>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

namespace ssmprof::probes {

namespace {

std::string after_colon(const std::string& line) {
  const auto colon = line.find(':');
  if (colon == std::string::npos) return "";
  const auto start = line.find_first_not_of(" \t", colon + 1);
  return start == std::string::npos ? "" : line.substr(start);
}

void read_cpu(Host& host) {
  static const std::set<std::string> kNotable = {
      "sse4_2",      "avx",         "avx2",     "fma",   "f16c", "avx512f", "avx512bw", "avx512vl",
      "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "sve",  "sve2",    "bf16"};
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0 && host.cpu.empty()) host.cpu = after_colon(line);
    const bool flags = line.rfind("flags", 0) == 0 || line.rfind("Features", 0) == 0;
    if (!flags || !host.isa.empty()) continue;
    std::istringstream words(after_colon(line));
    for (std::string word; words >> word;) {
      if (kNotable.count(word) != 0) host.isa += (host.isa.empty() ? "" : " ") + word;
    }
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) host.cores = CPU_COUNT(&set);
}

void read_memory(Host& host) {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::uint64_t kib = 0;
    std::istringstream(after_colon(line)) >> kib;
    if (line.rfind("MemTotal", 0) == 0) host.memory = kib * 1024;
    if (line.rfind("MemAvailable", 0) == 0) host.memory_available = kib * 1024;
  }
}

void read_os(Host& host) {
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("PRETTY_NAME=", 0) != 0) continue;
    host.os = line.substr(12);
    std::erase(host.os, '"');
  }
  utsname name{};
  if (uname(&name) == 0) {
    host.os += (host.os.empty() ? "" : ", ") + std::string(name.sysname) + " " + name.release;
  }
}

}  // namespace

Host describe_host() {
  Host host;
  read_cpu(host);
  read_memory(host);
  read_os(host);
  return host;
}

double process_seconds() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The name, in parentheses, may hold anything; the start stands 20 words after it, in ticks.
  std::istringstream words(line.substr(line.rfind(')') + 1));
  std::string word;
  for (int i = 0; i < 20; ++i) words >> word;
  timespec now{};
  if (!words || clock_gettime(CLOCK_BOOTTIME, &now) != 0) return 0;
  const double started = std::stod(word) / static_cast<double>(sysconf(_SC_CLK_TCK));
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - started;
}

}  // namespace ssmprof::probes
