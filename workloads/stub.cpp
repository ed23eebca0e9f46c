#include "workloads/execution.hpp"
#include "workloads/pruning/score.hpp"
