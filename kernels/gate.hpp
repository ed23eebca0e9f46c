#pragma once

#include "kernels/cost.hpp"
#include "kernels/launch.hpp"
#include "kernels/views.hpp"

namespace ssmprof::kernels {

/// Mamba-1's output gate on its own: out = y · SiLU(z). Out may alias y.
struct GateArgs {
  DType dtype = DType::f32;
  std::int64_t batch = 0, length = 0, channels = 0;
  ConstRows y, z;
  Rows out;
};

void gate(const GateArgs& args, const Launch& launch);

/// 2·T·C FLOP, 2·T·C transcendentals; bytes 3·s·T·C.
Cost cost_of(const GateArgs& args);

}  // namespace ssmprof::kernels
