# The functions that every room is built with.

# Precompiled headers (PRECOMPILE below) save half of a room's compile time. ccache keeps what is
# compiled with them only when told that it may; for clang they must not hold times of files. The
# preset tidy goes without, so that a missing #include is seen.
find_program(SLUIS_CCACHE ccache)
if(SLUIS_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${SLUIS_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${SLUIS_CCACHE})
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()

# There are hundreds of programs, with the tests; gold, of the same binutils, links them in half the time.
# With what the address sanitizer adds it has a warning for each.
include(CheckLinkerFlag)
check_linker_flag(CXX -fuse-ld=gold SLUIS_HAS_GOLD)
if(SLUIS_HAS_GOLD AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize=address")
  add_link_options(-fuse-ld=gold)
endif()

option(SLUIS_TIDY "Run clang-tidy over our own code while compiling" OFF)
set(SLUIS_BIN_DIR ${CMAKE_BINARY_DIR}/bin CACHE PATH "Where the programs end up")
set(SLUIS_TIDY_COMMAND clang-tidy;--quiet)

# Private to our own targets: an integrator never inherits our warnings.
add_library(sluis_warnings INTERFACE)
target_compile_options(sluis_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)

function(_sluis_common target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:sluis_warnings>)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
  if(SLUIS_TIDY)
    set_target_properties(${target} PROPERTIES CXX_CLANG_TIDY "${SLUIS_TIDY_COMMAND}")
  endif()
endfunction()

# sluis_library(<room> [INSTALL] HEADERS … SOURCES … PUBLIC … PRIVATE … [PRECOMPILE …])
#
# A room is one target with an include root of its own: a header of a room that is not linked does
# not exist for the compiler, so the links say which room may know which. HEADERS lie below include/.
function(sluis_library room)
  cmake_parse_arguments(PARSE_ARGV 1 arg "INSTALL" "" "HEADERS;SOURCES;PUBLIC;PRIVATE;PRECOMPILE")
  set(target sluis_${room})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(sluis::${room} ALIAS ${target})
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS include FILES ${arg_HEADERS})
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  _sluis_common(${target})
  if(arg_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${arg_PRECOMPILE})
  endif()
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${room})
  if(arg_INSTALL)
    install(TARGETS ${target} EXPORT sluisTargets
      ARCHIVE COMPONENT sluis_development
      FILE_SET HEADERS COMPONENT sluis_development)
  endif()
endfunction()

# sluis_proto_library(<name> PROTOS … DEPS …): generated messages, kept in the build folder.
# Warnings in generated code are not ours, so its headers are system headers to everyone else.
function(sluis_proto_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PROTOS;DEPS")
  set(target sluis_${name})
  set(out ${CMAKE_BINARY_DIR}/proto)
  set(root ${PROJECT_SOURCE_DIR}/proto)
  file(MAKE_DIRECTORY ${out})
  set(sources)
  foreach(proto IN LISTS arg_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(generated ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    add_custom_command(
      OUTPUT ${generated}
      COMMAND protobuf::protoc --cpp_out ${out} -I ${root} ${root}/${proto}
      DEPENDS ${root}/${proto}
      COMMENT "protoc ${proto}" VERBATIM)
    list(APPEND sources ${generated})
  endforeach()
  add_library(${target} STATIC ${sources})
  add_library(sluis::${name} ALIAS ${target})
  target_include_directories(${target} SYSTEM PUBLIC $<BUILD_INTERFACE:${out}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf ${arg_DEPS})
  target_precompile_headers(${target} PRIVATE
    <algorithm> <google/protobuf/descriptor.h> <google/protobuf/generated_message_reflection.h>
    <google/protobuf/reflection_ops.h> <google/protobuf/wire_format.h>)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON EXPORT_NAME ${name})
  install(TARGETS ${target} EXPORT sluisTargets ARCHIVE COMPONENT sluis_development)
endfunction()

# sluis_grpc_library(<name> PROTOS … DEPS …): the service classes of protos whose messages are in
# DEPS. Apart, so that only the doors know gRPC.
function(sluis_grpc_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "PROTOS;DEPS")
  set(target sluis_${name})
  set(out ${CMAKE_BINARY_DIR}/proto)
  set(root ${PROJECT_SOURCE_DIR}/proto)
  set(sources)
  foreach(proto IN LISTS arg_PROTOS)
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(generated ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
    add_custom_command(
      OUTPUT ${generated}
      COMMAND protobuf::protoc --grpc_out ${out}
              --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin> -I ${root} ${root}/${proto}
      DEPENDS ${root}/${proto}
      COMMENT "protoc ${proto} (services)" VERBATIM)
    list(APPEND sources ${generated})
  endforeach()
  add_library(${target} STATIC ${sources})
  add_library(sluis::${name} ALIAS ${target})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${arg_DEPS} gRPC::grpc++)
endfunction()

# sluis_program(<name> SOURCES … LIBS …): a program in SLUIS_BIN_DIR.
function(sluis_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS})
  _sluis_common(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${SLUIS_BIN_DIR})
  install(TARGETS ${name})
endfunction()

# Debian's gRPC is not instrumented, so the thread sanitizer sees races in it that are none: its preset
# leaves out every test with the label grpc. `tests_without_grpc` builds the others.
option(SLUIS_TESTS_WITHOUT_GRPC "Leave out the tests with the label grpc" OFF)
# Rooms that start no thread set SLUIS_ONE_THREAD for their tests: the thread sanitizer has nothing to
# see there, and its short run leaves them out.
option(SLUIS_TESTS_WITH_THREADS "Leave out the tests of rooms without threads" OFF)
add_custom_target(tests_without_grpc)

# sluis_use_mimalloc(<program>): its allocator instead of the C library's (docs/adr/0008-mimalloc.md).
# The sanitizers bring their own.
function(sluis_use_mimalloc program)
  if(CMAKE_CXX_FLAGS MATCHES "-fsanitize")
    return()
  endif()
  find_package(mimalloc 2.0 REQUIRED)
  # One option: CMake would merge the parts with those of others.
  target_link_options(${program} PRIVATE
    LINKER:--push-state,--no-as-needed,$<TARGET_FILE:mimalloc>,--pop-state)
endfunction()

# sluis_test_headers(<name> LIBS … PRECOMPILE …): headers compiled once for the tests of the folders
# that set SLUIS_TEST_HEADERS to the name.
function(sluis_test_headers name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBS;PRECOMPILE")
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc "// Only for its headers.\n")
  add_library(${name} OBJECT EXCLUDE_FROM_ALL ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  target_link_libraries(${name} PRIVATE ${arg_LIBS} GTest::gmock)
  _sluis_common(${name})
  target_compile_definitions(${name} PRIVATE
    SLUIS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" SLUIS_BIN_DIR="${SLUIS_BIN_DIR}")
  # As programs are compiled, not libraries.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIE)
  target_precompile_headers(${name} PRIVATE <gmock/gmock.h> <gtest/gtest.h> ${arg_PRECOMPILE})
endfunction()

# sluis_test(<name> SOURCES … LIBS … [LABELS …] [WHOLE]): one executable; one ctest entry per test,
# or one for the whole program with WHOLE (where starting up costs more than the tests).
function(sluis_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "WHOLE" "TIMEOUT" "SOURCES;LIBS;LABELS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBS} GTest::gmock GTest::gtest_main)
  _sluis_common(${name})
  target_compile_definitions(${name} PRIVATE
    SLUIS_SOURCE_DIR="${PROJECT_SOURCE_DIR}" SLUIS_BIN_DIR="${SLUIS_BIN_DIR}")
  # gRPC brings flags (-pthread) under which the compiler takes no headers made without them.
  if(NOT "grpc" IN_LIST arg_LABELS)
    target_precompile_headers(${name} REUSE_FROM ${SLUIS_TEST_HEADERS})
  endif()
  if((SLUIS_TESTS_WITHOUT_GRPC AND "grpc" IN_LIST arg_LABELS)
     OR (SLUIS_TESTS_WITH_THREADS AND SLUIS_ONE_THREAD))
    set_target_properties(${name} PROPERTIES EXCLUDE_FROM_ALL ON)
    return()
  endif()
  if(NOT "grpc" IN_LIST arg_LABELS)
    add_dependencies(tests_without_grpc ${name})
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  set(environment)
  if("grpc" IN_LIST arg_LABELS)
    set(environment
      ENVIRONMENT "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0")
  endif()
  if(arg_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ${environment})
  else()
    gtest_discover_tests(${name} NO_PRETTY_VALUES DISCOVERY_TIMEOUT 60
      PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ${environment})
  endif()
endfunction()
