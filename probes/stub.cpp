#include "probes/probe.hpp"
