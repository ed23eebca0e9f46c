#pragma once

#include "kernels/argmax.hpp"

namespace ssmprof::kernels::cpu {

void argmax(const ArgmaxArgs& args);

}  // namespace ssmprof::kernels::cpu
