# What Strata stands on. Each library is taken from the system's packages where
# it is installed; where it is not, CMake fetches a release of it.
include(FetchContent)
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)

# Nothing of what is fetched is installed, tested or documented here.
set(BENCHMARK_ENABLE_TESTING OFF)
set(BENCHMARK_ENABLE_INSTALL OFF)
set(INSTALL_GTEST OFF)
set(CLI11_BUILD_TESTS OFF)
set(CLI11_BUILD_EXAMPLES OFF)
set(LIBDEFLATE_BUILD_SHARED_LIB OFF)
set(LIBDEFLATE_BUILD_GZIP OFF)
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # so that the lines above reach them

# Libraries that bring a CMake configuration. SYSTEM keeps our warnings out of
# their headers and has to stand first.
FetchContent_Declare(fmt SYSTEM
  GIT_REPOSITORY https://github.com/fmtlib/fmt.git
  GIT_TAG 9.1.0
  GIT_SHALLOW ON
  FIND_PACKAGE_ARGS 8)
FetchContent_Declare(CLI11 SYSTEM
  GIT_REPOSITORY https://github.com/CLIUtils/CLI11.git
  GIT_TAG v2.3.2
  GIT_SHALLOW ON
  FIND_PACKAGE_ARGS 2.1)
FetchContent_Declare(googletest SYSTEM
  GIT_REPOSITORY https://github.com/google/googletest.git
  GIT_TAG v1.14.0
  GIT_SHALLOW ON
  FIND_PACKAGE_ARGS NAMES GTest)
# RapidCheck makes no releases: a commit of its master.
FetchContent_Declare(rapidcheck SYSTEM
  GIT_REPOSITORY https://github.com/emil-e/rapidcheck.git
  GIT_TAG ff6af6fc683159deb51c543b065eba14dfcf329b
  FIND_PACKAGE_ARGS)
FetchContent_Declare(benchmark SYSTEM
  GIT_REPOSITORY https://github.com/google/benchmark.git
  GIT_TAG v1.7.1
  GIT_SHALLOW ON
  FIND_PACKAGE_ARGS)
FetchContent_Declare(nlohmann_json SYSTEM
  GIT_REPOSITORY https://github.com/nlohmann/json.git
  GIT_TAG v3.11.2
  GIT_SHALLOW ON
  FIND_PACKAGE_ARGS 3.10)

FetchContent_MakeAvailable(fmt CLI11)
if(STRATA_TESTS)
  FetchContent_MakeAvailable(googletest rapidcheck)
endif()
if(STRATA_BENCH)
  FetchContent_MakeAvailable(benchmark)
endif()
if(STRATA_TESTS OR STRATA_BENCH)
  FetchContent_MakeAvailable(nlohmann_json)
endif()

# Libraries without one: found by pkg-config.

# strata_find_module(LIBRARY MODULE): gives the interface library LIBRARY what
# pkg-config knows of MODULE, and sets LIBRARY_FOUND in the caller.
function(strata_find_module library module)
  add_library(${library} INTERFACE)
  if(PkgConfig_FOUND)
    pkg_check_modules(${library} QUIET IMPORTED_TARGET ${module})
  endif()
  if(${library}_FOUND)
    message(STATUS "Found ${module}: ${${library}_VERSION}")
    target_link_libraries(${library} INTERFACE PkgConfig::${library})
  endif()
  set(${library}_FOUND ${${library}_FOUND} PARENT_SCOPE)
endfunction()

strata_find_module(strata_deflate libdeflate)
if(NOT strata_deflate_FOUND)
  FetchContent_Declare(libdeflate SYSTEM
    GIT_REPOSITORY https://github.com/ebiggers/libdeflate.git
    GIT_TAG v1.18
    GIT_SHALLOW ON)
  FetchContent_MakeAvailable(libdeflate)
  target_link_libraries(strata_deflate INTERFACE libdeflate_static)
endif()

strata_find_module(strata_xxhash libxxhash)
if(NOT strata_xxhash_FOUND)
  FetchContent_Declare(xxhash SYSTEM
    GIT_REPOSITORY https://github.com/Cyan4973/xxHash.git
    GIT_TAG v0.8.2
    GIT_SHALLOW ON)
  FetchContent_MakeAvailable(xxhash)
  target_include_directories(strata_xxhash SYSTEM INTERFACE ${xxhash_SOURCE_DIR})
endif()

strata_find_module(strata_lz4 liblz4)
if(NOT strata_lz4_FOUND)
  FetchContent_Declare(lz4 SYSTEM
    GIT_REPOSITORY https://github.com/lz4/lz4.git
    GIT_TAG v1.9.4
    GIT_SHALLOW ON
    SOURCE_SUBDIR build/cmake)
  set(LZ4_BUILD_CLI OFF)
  set(LZ4_BUILD_LEGACY_LZ4C OFF)
  set(BUILD_STATIC_LIBS ON)
  FetchContent_MakeAvailable(lz4)
  target_link_libraries(strata_lz4 INTERFACE lz4_static)
  target_include_directories(strata_lz4 SYSTEM INTERFACE ${lz4_SOURCE_DIR}/lib)
endif()

strata_find_module(strata_zstd libzstd)
if(NOT strata_zstd_FOUND)
  FetchContent_Declare(zstd SYSTEM
    GIT_REPOSITORY https://github.com/facebook/zstd.git
    GIT_TAG v1.5.5
    GIT_SHALLOW ON
    SOURCE_SUBDIR build/cmake)
  set(ZSTD_BUILD_PROGRAMS OFF)
  set(ZSTD_BUILD_SHARED OFF)
  set(ZSTD_BUILD_TESTS OFF)
  FetchContent_MakeAvailable(zstd)
  target_link_libraries(strata_zstd INTERFACE libzstd_static)
  target_include_directories(strata_zstd SYSTEM INTERFACE ${zstd_SOURCE_DIR}/lib)
endif()

# libedit has no CMake build to fetch: without it the shell reads plain lines.
strata_find_module(strata_edit libedit)
if(strata_edit_FOUND)
  target_compile_definitions(strata_edit INTERFACE STRATA_HAS_LIBEDIT=1)
else()
  message(STATUS "libedit is not here: the shell has no history or completion")
endif()
