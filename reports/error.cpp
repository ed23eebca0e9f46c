#include "reports/error.hpp"
