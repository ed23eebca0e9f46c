#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ssmprof::probes::cupti {

/// The host half of CUPTI's profiler: names, schedules and evaluates metrics of a chip, on any
/// machine. Throws reports::EnvironmentError naming the call that failed.
class MetricHost {
 public:
  /// Chips that the library knows ("GH100", …).
  static std::vector<std::string> chips();

  /// `availability` is the image of a real device, or empty.
  explicit MetricHost(const std::string& chip, std::vector<std::uint8_t> availability = {});
  ~MetricHost();
  MetricHost(const MetricHost&) = delete;
  MetricHost& operator=(const MetricHost&) = delete;

  /// Whether the chip has this metric with this rollup, e.g. "dram__bytes_read.sum".
  bool knows(const std::string& metric) const;

  /// How to collect metrics; call once per object. Passes = replays of the workload.
  struct Config {
    std::vector<std::uint8_t> image;
    std::size_t passes = 0;
  };
  Config configure(const std::vector<std::string>& metrics);

  /// Values of the metrics in one range of a counter-data image.
  std::vector<double> evaluate(const std::vector<std::uint8_t>& counter_data, std::size_t range,
                               const std::vector<std::string>& metrics) const;

 private:
  std::string chip_;
  std::vector<std::uint8_t> availability_;
  void* host_ = nullptr;
};

}  // namespace ssmprof::probes::cupti
