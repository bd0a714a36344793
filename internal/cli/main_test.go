package cli

import (
	"testing"

	"graphpatch/internal/postgres/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// clearEnv takes away whatever the machine's own environment says about tenants, credentials and databases.
func clearEnv(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"DATABASE_URL", "GRAPHPATCH_DATA_DIR", "GRAPH_ACCESS_TOKEN", "GRAPH_BASE_URL", "GRAPH_CLOUD", "GRAPH_API_VERSION", "GRAPH_TIMEOUT",
		"GRAPH_WRITE_LIMIT", "GRAPH_CA_FILE", "GRAPHPATCH_TOKEN_CACHE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
		"AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "AZURE_FEDERATED_TOKEN_FILE",
		"AZURE_TOKEN_CREDENTIALS", "AZURE_AUTHORITY_HOST", "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSAL_FORCE_REGION",
	} {
		t.Setenv(name, "")
	}
}
