package auth

import (
	"cmp"
	"os"
	"slices"
	"strings"
)

// An Attribute is a setting. Its value is the name of the setting in a profile.
type Attribute string

// The attributes. Attributes that only code can set have no variable below.
const (
	host             Attribute = "host"
	WorkspaceID      Attribute = "workspace_id"
	AuthType         Attribute = "auth_type"
	AccessToken      Attribute = "token"
	Username         Attribute = "username"
	Password         Attribute = "password"
	ClientID         Attribute = "client_id"
	ClientSecret     Attribute = "client_secret"
	Scopes           Attribute = "scopes"
	DiscoveryURL     Attribute = "discovery_url"
	Audience         Attribute = "audience"
	OIDCTokenEnv     Attribute = "oidc_token_env"
	oidcToken        Attribute = "oidc_token"
	OIDCTokenFile    Attribute = "databricks_id_token_filepath"
	MetadataURL      Attribute = "metadata_service_url"
	CLIPath          Attribute = "databricks_cli_path"
	CLIProfile       Attribute = "databricks_cli_profile"
	AzureCLIPath     Attribute = "azure_cli_path"
	AzureClientID    Attribute = "azure_client_id"
	AzureSecret      Attribute = "azure_client_secret"
	AzureTenantID    Attribute = "azure_tenant_id"
	AzureCloud       Attribute = "azure_environment"
	AzureUseMSI      Attribute = "azure_use_msi"
	AzureResourceID  Attribute = "azure_workspace_resource_id"
	AzureTokenFile   Attribute = "azure_federated_token_file"
	azureAuthority   Attribute = "azure_authority_host"
	MSIObjectID      Attribute = "azure_msi_object_id"
	MSIResourceID    Attribute = "azure_msi_resource_id"
	githubURL        Attribute = "actions_id_token_request_url"
	githubToken      Attribute = "actions_id_token_request_token"
	devopsToken      Attribute = "system_accesstoken"
	devopsURI        Attribute = "system_teamfoundationcollectionuri"
	devopsProject    Attribute = "system_teamprojectid"
	devopsHost       Attribute = "system_hosttype"
	devopsPlan       Attribute = "system_planid"
	devopsJob        Attribute = "system_jobid"
	DevOpsConnection Attribute = "azure_service_connection_id"
	googleKey        Attribute = "google_credentials"
	googleAccount    Attribute = "google_service_account"
)

// variables has the environment variables of Databricks' tools.
var variables = map[Attribute][]string{
	host:            {"DATABRICKS_HOST"},
	WorkspaceID:     {"DATABRICKS_WORKSPACE_ID"},
	AuthType:        {"DATABRICKS_AUTH_TYPE"},
	AccessToken:     {"DATABRICKS_TOKEN"},
	Username:        {"DATABRICKS_USERNAME"},
	Password:        {"DATABRICKS_PASSWORD"},
	ClientID:        {"DATABRICKS_CLIENT_ID"},
	ClientSecret:    {"DATABRICKS_CLIENT_SECRET"},
	DiscoveryURL:    {"DATABRICKS_DISCOVERY_URL"},
	Audience:        {"DATABRICKS_TOKEN_AUDIENCE"},
	OIDCTokenEnv:    {"DATABRICKS_OIDC_TOKEN_ENV"},
	oidcToken:       {"DATABRICKS_OIDC_TOKEN"},
	OIDCTokenFile:   {"DATABRICKS_OIDC_TOKEN_FILEPATH", "DATABRICKS_OIDC_TOKEN_FILE"},
	MetadataURL:     {"DATABRICKS_METADATA_SERVICE_URL"},
	CLIPath:         {"DATABRICKS_CLI_PATH"},
	AzureResourceID: {"DATABRICKS_AZURE_RESOURCE_ID"},
	googleAccount:   {"DATABRICKS_GOOGLE_SERVICE_ACCOUNT"},

	// The vendor's tools do not define these variables.
	CLIProfile:       {"DATABRICKS_CLI_PROFILE"},
	AzureCLIPath:     {"DATABRICKS_AZURE_CLI_PATH"},
	MSIObjectID:      {"DATABRICKS_AZURE_MSI_OBJECT_ID"},
	MSIResourceID:    {"DATABRICKS_AZURE_MSI_RESOURCE_ID"},
	DevOpsConnection: {"DATABRICKS_AZURE_SERVICE_CONNECTION_ID"},
}

// Variables of other tools. ARM_* belong to Terraform's azurerm provider. AZURE_*
// belong to Microsoft's libraries and to the webhook of AKS.
var (
	terraformVariables = map[Attribute][]string{
		AzureClientID: {"ARM_CLIENT_ID"},
		AzureSecret:   {"ARM_CLIENT_SECRET"},
		AzureTenantID: {"ARM_TENANT_ID"},
		AzureCloud:    {"ARM_ENVIRONMENT"},
		AzureUseMSI:   {"ARM_USE_MSI"},
		googleKey:     {"GOOGLE_CREDENTIALS"},
		githubURL:     {"ACTIONS_ID_TOKEN_REQUEST_URL"},
		githubToken:   {"ACTIONS_ID_TOKEN_REQUEST_TOKEN"},
		devopsToken:   {"SYSTEM_ACCESSTOKEN"},
		devopsURI:     {"SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"},
		devopsProject: {"SYSTEM_TEAMPROJECTID"},
		devopsHost:    {"SYSTEM_HOSTTYPE"},
		devopsPlan:    {"SYSTEM_PLANID"},
		devopsJob:     {"SYSTEM_JOBID"},
	}
	azureVariables = map[Attribute][]string{
		AzureClientID:  {"AZURE_CLIENT_ID"},
		AzureSecret:    {"AZURE_CLIENT_SECRET"},
		AzureTenantID:  {"AZURE_TENANT_ID"},
		AzureTokenFile: {"AZURE_FEDERATED_TOKEN_FILE"},
		azureAuthority: {"AZURE_AUTHORITY_HOST"},
	}
)

// aliases has other names of attributes in profiles, which the vendor's client for
// Python uses.
var aliases = map[Attribute]Attribute{
	OIDCTokenFile: "oidc_token_filepath",
	Audience:      "token_audience",
}

// variable returns the variable that sets an attribute, for messages.
func variable(a Attribute) string {
	for _, vars := range []map[Attribute][]string{variables, terraformVariables, azureVariables} {
		if names := vars[a]; names != nil {
			return names[0]
		}
	}
	return string(a)
}

// A level is a place where settings are found.
type level struct {
	name        string
	environment bool
	variables   map[Attribute][]string
	profile     string // name of the profile, if the level is one
	// get returns the value of an attribute, or "", and the place where it is set.
	get func(Attribute) (value, from string)
}

func (l *level) has(attributes ...Attribute) bool {
	return l != nil && slices.ContainsFunc(attributes, func(a Attribute) bool { value, _ := l.get(a); return value != "" })
}

func environment(vars map[Attribute][]string) *level {
	return &level{name: "the environment", environment: true, variables: vars, get: func(a Attribute) (string, string) {
		for _, variable := range vars[a] {
			value := os.Getenv(variable)
			if a != Password {
				value = strings.TrimSpace(value)
			}
			if value != "" {
				return value, variable
			}
		}
		return "", ""
	}}
}

// A view has the settings of one kind. The level that selected the kind comes
// first, and then the other levels in their order.
type view struct {
	*resolver
	levels []*level
	used   map[Attribute]string // where the used attributes are set
}

func (v *view) get(a Attribute) string {
	for _, l := range v.levels {
		if value, from := l.get(a); value != "" {
			v.used[a] = from
			return value
		}
	}
	return ""
}

// source returns the place where an attribute is set, for messages.
func (v *view) source(a Attribute) string {
	v.get(a)
	return cmp.Or(v.used[a], string(a))
}

func isTrue(text string) bool {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true
	}
	return false
}
