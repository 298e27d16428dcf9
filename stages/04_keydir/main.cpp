#include "common/cli/cli.h"
#include "stages/04_keydir/store.h"

int main(int argc, char** argv) {
  return strata::run(strata::stage_04_keydir(), argc, argv);
}
