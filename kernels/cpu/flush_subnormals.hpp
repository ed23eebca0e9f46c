#pragma once

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ssmprof::kernels::cpu {

/// While it lives, fp32 arithmetic of the calling thread takes and gives zero in place of
/// subnormal numbers. Decayed states pass through that range, where x86 needs a microcode assist
/// of more than a hundred cycles per operation. Elsewhere than on x86-64 it does nothing.
class FlushSubnormals {
 public:
#if defined(__x86_64__)
  FlushSubnormals() : before_(_mm_getcsr()) {
    _mm_setcsr(before_ | 0x8040U);
  }
  ~FlushSubnormals() {
    _mm_setcsr(before_);
  }
#else
  FlushSubnormals() = default;
#endif
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
#if defined(__x86_64__)
  unsigned before_;
#endif
};

}  // namespace ssmprof::kernels::cpu
