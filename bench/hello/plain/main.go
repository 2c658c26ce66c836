// Command plain lists clusters with net/http and encoding/json.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	req, err := http.NewRequest(http.MethodGet, os.Getenv("DATABRICKS_HOST")+"/api/2.0/clusters/list", nil)
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+os.Getenv("DATABRICKS_TOKEN"))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		log.Fatal(resp.Status)
	}
	var reply struct {
		Clusters []struct {
			ID    string `json:"cluster_id"`
			Name  string `json:"cluster_name"`
			State string `json:"state"`
		} `json:"clusters"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&reply); err != nil {
		log.Fatal(err)
	}
	for _, c := range reply.Clusters {
		fmt.Println(c.ID, c.Name, c.State)
	}
}
