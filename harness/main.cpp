#include <cstdio>
int main() { std::puts("ssmprof"); }
