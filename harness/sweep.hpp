#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ssmprof::harness {

/// Values of a sweep option. Comma-separated parts, each a positive integer or FIRST:LAST:STEP,
/// where STEP is xK (multiply, K ≥ 2) or +K (add, K ≥ 1): "64:16384:x2", "1,8", "64:256:+64".
/// Order is kept, repeats are dropped. Throws reports::InputError naming `option` and the part.
std::vector<std::int64_t> parse_sweep(const std::string& option, const std::string& text);

}  // namespace ssmprof::harness
