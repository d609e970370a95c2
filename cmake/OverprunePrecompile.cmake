# overprune_precompile(target headers...): the standard headers that most sources include, and `headers`, compiled
# once for the target where OVERPRUNE_PRECOMPILE is on.
function(overprune_precompile target)
  if(OVERPRUNE_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE <algorithm> <array> <cmath> <functional> <limits> <memory> <numeric>
      <stdexcept> <string> <utility> <vector> ${ARGN})
  endif()
endfunction()
