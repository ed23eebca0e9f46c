#pragma once

#include "kernels/embed.hpp"

namespace ssmprof::kernels::cpu {

void embed(const EmbedArgs& args);

}  // namespace ssmprof::kernels::cpu
