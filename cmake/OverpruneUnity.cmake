# overprune_unity(target group sources...): with OVERPRUNE_UNITY, compiles these sources of the
# target as one, which reads their headers once. Names in their unnamed namespaces must differ.
# Sources with options of their own stay apart.
function(overprune_unity target group)
  if(OVERPRUNE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
    string(MAKE_C_IDENTIFIER ${group} group)
    set_source_files_properties(${ARGN} PROPERTIES UNITY_GROUP ${group})
    # A class of ours that derives from one of an unnamed namespace is no part of any header.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()
