#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// Refuses arguments with std::invalid_argument: one line naming kernel, argument and rule.
class Validator {
 public:
  explicit Validator(std::string_view kernel) : kernel_(kernel) {}

  void require(bool holds, std::string_view argument, const std::string& rule) const {
    if (holds) return;
    throw std::invalid_argument(std::string(kernel_) + ": " + std::string(argument) + " " + rule);
  }

  void within(std::int64_t value, std::int64_t low, std::int64_t high,
              std::string_view argument) const {
    require(value >= low && value <= high, argument,
            "must be in [" + std::to_string(low) + ", " + std::to_string(high) + "], not " +
                std::to_string(value));
  }

  void positive(std::int64_t value, std::string_view argument) const {
    require(value >= 1, argument, "must be at least 1, not " + std::to_string(value));
  }

  void given(const void* pointer, std::string_view argument) const {
    require(pointer != nullptr, argument, "must be given");
  }

  /// Rows of `width` elements that do not overlap where more than one is used.
  void rows(const ConstRows& rows, std::int64_t batch, std::int64_t length, std::int64_t width,
            std::string_view argument) const {
    given(rows.data, argument);
    require(length == 1 || rows.row_stride >= width, argument,
            "has row_stride " + std::to_string(rows.row_stride) + ", less than its " +
                std::to_string(width) + " elements");
    require(batch == 1 || rows.batch_stride >= width, argument,
            "has batch_stride " + std::to_string(rows.batch_stride) + ", less than its " +
                std::to_string(width) + " elements");
  }

  /// Only what can be told without reading device memory.
  void sequences(const Sequences& sequences, std::int64_t batch) const {
    if (!sequences) return;
    require(batch == 1, "batch", "must be 1 when sequences are given");
    positive(sequences.count, "sequences.count");
  }

  /// `starts` on the CPU: 0, ascending, ending at or before `length`.
  void starts(const Sequences& sequences, std::int64_t length) const {
    if (!sequences) return;
    require(sequences.starts[0] == 0, "sequences.starts", "must begin with 0");
    for (std::int64_t i = 0; i < sequences.count; ++i) {
      require(sequences.starts[i] <= sequences.starts[i + 1], "sequences.starts", "must ascend");
    }
    require(sequences.starts[sequences.count] <= length, "sequences.starts",
            "must not pass the length");
  }

 private:
  std::string_view kernel_;
};

}  // namespace ssmprof::kernels
