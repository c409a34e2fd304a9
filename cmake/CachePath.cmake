# Where scripts/deps puts what it provides; the same rule stands in scripts/lib/common.sh.
if(DEFINED ENV{TANDEM_CACHE})
  set(TANDEM_CACHE $ENV{TANDEM_CACHE})
elseif(DEFINED ENV{XDG_CACHE_HOME})
  set(TANDEM_CACHE $ENV{XDG_CACHE_HOME}/tandem)
else()
  set(TANDEM_CACHE $ENV{HOME}/.cache/tandem)
endif()
