#include "workloads/host_memory.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "reports/error.hpp"
#include "workloads/text.hpp"

namespace ssmprof::workloads {

namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

std::uint64_t read_number(const std::string& file) {
  std::ifstream in(file);
  std::uint64_t value = 0;
  return in >> value ? value : kUnlimited;  // "max" is no number: unlimited
}

std::uint64_t meminfo_available() {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("MemAvailable:", 0) == 0) return std::stoull(line.substr(13)) * 1024;
  }
  return kUnlimited;
}

/// What is left under `limit`; caches that the kernel would give back do not count as used.
std::uint64_t left_in_group(const std::string& limit, const std::string& usage,
                            const std::string& statistics) {
  const std::uint64_t most = read_number(limit);
  std::uint64_t used = read_number(usage);
  if (most == kUnlimited || used == kUnlimited) return kUnlimited;
  std::ifstream in(statistics);
  std::string key;
  for (std::uint64_t value = 0; in >> key >> value;) {
    if (key == "inactive_file" || key == "total_inactive_file") {
      used -= std::min(used, value);
      break;
    }
  }
  return most - std::min(most, used);
}

std::string own_group_v2() {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("0::", 0) == 0) return "/sys/fs/cgroup" + line.substr(3);
  }
  return "/sys/fs/cgroup";
}

}  // namespace

std::uint64_t available_host_memory() {
  std::uint64_t least = meminfo_available();
  for (std::string group = own_group_v2(); group.size() >= 14;
       group = group.substr(0, group.find_last_of('/'))) {
    least = std::min(least, left_in_group(group + "/memory.max", group + "/memory.current",
                                          group + "/memory.stat"));
  }
  const std::string v1 = "/sys/fs/cgroup/memory/memory.";
  least = std::min(least, left_in_group(v1 + "limit_in_bytes", v1 + "usage_in_bytes", v1 + "stat"));
  return least;
}

void require_host_memory(std::uint64_t bytes, const std::string& what) {
  const std::uint64_t there = available_host_memory();
  if (bytes <= there) return;
  throw reports::EnvironmentError(
      "not enough memory: " + what + " needs " + bytes_text(static_cast<double>(bytes)) + ", " +
      bytes_text(static_cast<double>(there)) +
      " is available: use a smaller model, batch or length, or a narrower dtype");
}

}  // namespace ssmprof::workloads
