#include "sluis/client/admin.h"
#include "sluis/client/client.h"
