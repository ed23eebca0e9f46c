#pragma once

#include "kernels/bench/peer_abi.h"
#include "kernels/dtype.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels::bench {

inline std::int32_t peer_dtype(DType t) {
  switch (t) {
    case DType::f16:
      return SSMPROF_PEER_F16;
    case DType::bf16:
      return SSMPROF_PEER_BF16;
    case DType::f32:
      break;
  }
  return SSMPROF_PEER_F32;
}

inline ssmprof_peer_rows peer_rows(const ConstRows& r) {
  return {const_cast<void*>(r.data), r.batch_stride, r.row_stride};
}

}  // namespace ssmprof::kernels::bench
