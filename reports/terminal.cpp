#include "reports/terminal.hpp"
