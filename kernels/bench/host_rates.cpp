#include "kernels/bench/host_rates.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "kernels/bench/array.hpp"

namespace ssmprof::kernels::bench {

Rates measure_host_rates(int threads) {
  constexpr std::int64_t kElements = std::int64_t{1} << 25;  // 128 MiB, larger than any cache
  Array from(Device::cpu, DType::f32, kElements), to(Device::cpu, DType::f32, kElements);
  from.poison();
  to.poison();
  const int count =
      threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  std::vector<double> seconds;
  for (int i = -1; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> team;
    team.reserve(static_cast<std::size_t>(count));
    for (int t = 0; t < count; ++t) {
      team.emplace_back([&, t] {
        const std::int64_t first = kElements * t / count, last = kElements * (t + 1) / count;
        std::memcpy(to.at(first), from.at(first), static_cast<std::size_t>(last - first) * 4);
      });
    }
    for (auto& thread : team) thread.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (i >= 0) seconds.push_back(took.count());
  }
  std::sort(seconds.begin(), seconds.end());
  Rates rates;
  rates.device = "cpu";
  rates.copy_bytes_per_second = 8.0 * kElements / seconds[seconds.size() / 2];
  return rates;
}

}  // namespace ssmprof::kernels::bench
