# Language standard, warnings and sanitizers, carried by one interface target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
# The program stands at <build>/ssmprof.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})

find_program(SSMPROF_CCACHE ccache)
mark_as_advanced(SSMPROF_CCACHE)
if(SSMPROF_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${SSMPROF_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SSMPROF_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${SSMPROF_CCACHE})
endif()

add_library(ssmprof_options INTERFACE)
target_include_directories(ssmprof_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(ssmprof_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wno-missing-field-initializers>)
# GCC 12 warns falsely about inlined std::string and JSON code in optimized builds.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(ssmprof_options INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict -Wno-maybe-uninitialized>)
endif()
if(SSMPROF_SANITIZE)
  set(flags -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_compile_options(ssmprof_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${flags}>)
  target_link_options(ssmprof_options INTERFACE ${flags})
endif()
if(SSMPROF_TORCH)
  # LibTorch exports an old std::filesystem, whose remove_all crashes: the standard library must be
  # found first.
  target_link_options(ssmprof_options INTERFACE
    "SHELL:-Wl,--push-state,--no-as-needed -lstdc++ -Wl,--pop-state")
endif()
