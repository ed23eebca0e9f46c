#include "harness/app.hpp"

int main(int argc, char** argv) {
  return ssmprof::harness::run_app(argc, argv);
}
