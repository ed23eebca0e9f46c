#include "reports/exporters/exporter.hpp"
