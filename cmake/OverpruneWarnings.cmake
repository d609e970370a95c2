# overprune_warnings(target): the project's warnings, errors where OVERPRUNE_WERROR is on.
function(overprune_warnings target)
  if(MSVC)
    target_compile_options(${target} PRIVATE /W4 $<$<BOOL:${OVERPRUNE_WERROR}>:/WX>)
  else()
    target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
      -Wno-sign-conversion $<$<BOOL:${OVERPRUNE_WERROR}>:-Werror>)
  endif()
endfunction()
