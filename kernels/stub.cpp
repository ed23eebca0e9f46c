#include "kernels/ssd.hpp"
