# Tests under a sanitizer: a process then takes longer to begin than most tests
# take, so there is one for each suite and not for each test.

# Sets `out` to the names of the suites in the sources.
function(strata_suites_of sources out)
  set(names "")
  foreach(source IN LISTS sources)
    file(STRINGS ${source} lines
      REGEX "^(TEST(_F|_P)?|RC_GTEST_(FIXTURE_)?PROP)\\(")
    # RapidCheck derives a suite of its own from a fixture.
    list(TRANSFORM lines REPLACE
      "^RC_GTEST_FIXTURE_PROP\\(([A-Za-z0-9_]+),.*" "\\1_RapidCheck")
    list(TRANSFORM lines REPLACE "^[A-Z_]+\\(([A-Za-z0-9_]+),.*" "\\1")
    list(APPEND names ${lines})
  endforeach()
  list(REMOVE_DUPLICATES names)
  set(${out} ${names} PARENT_SCOPE)
endfunction()

# Adds a test for each suite of `target`, but for the tests that `without`, a
# pattern of GoogleTest, names; and one that fails where a suite was not found
# in the sources.
function(strata_add_suites target without)
  get_target_property(sources ${target} SOURCES)
  strata_suites_of("${sources}" suites)
  set(known "")
  foreach(suite IN LISTS suites)
    set(mine "${suite}.*:*/${suite}.*")
    string(APPEND known "${mine}:")
    add_test(NAME ${suite}
      COMMAND ${target} --gtest_brief=1 "--gtest_filter=${mine}-${without}")
    set_tests_properties(${suite} PROPERTIES ${ARGN})
  endforeach()
  add_test(NAME every_suite_has_a_test
    COMMAND ${target} --gtest_list_tests "--gtest_filter=-${known}")
  set_tests_properties(every_suite_has_a_test PROPERTIES
    FAIL_REGULAR_EXPRESSION "\\.\n")
endfunction()
