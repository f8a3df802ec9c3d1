// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

// Package rexray is the sample's stand-in for REX-Ray: with EBS in its configuration it knows the machine and its
// role as REX-Ray does, and lists the volumes that Amazon's API tells of. Like REX-Ray it starts, and is well by all
// that DC/OS looks at, also where it can do nothing: what is wrong shows when somebody asks it for a volume.
//
// Left out: volumes, of which it makes, attaches and mounts none, and what the real one leaves in the host's /run.
//
// Compared: never with the real one run beside it; how that asks Amazon was read in its source in 2026-11 (package ec2).
package rexray

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/ec2"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/sample/services/host"
)

var service = regexp.MustCompile(`(?m)^ +service: *([a-z]+)$`)

// Main is the service with the arguments "start -f", and "volume ls" for who asks.
func Main(ctx context.Context, h host.Host, args []string, out io.Writer) error {
	text, err := os.ReadFile(h.Etc("rexray.conf"))
	if err != nil {
		return err
	}
	driver := service.FindSubmatch(text)
	if driver == nil {
		return errors.New("rexray.conf names no service")
	}
	switch {
	case slices.Equal(args, []string{"start", "-f"}):
		log.Printf("volumes are %s's", driver[1])
		<-ctx.Done()
		return nil
	case !slices.Equal(args, []string{"volume", "ls"}):
		return errors.New("usage: rexray start -f | volume ls")
	case string(driver[1]) != "ebs":
		return nil // vfs: none here
	}
	ids, err := volumes(ctx)
	fmt.Fprint(out, strings.Join(ids, "\n"))
	return err
}

// volumes asks the API of the machine's region for all volumes.
func volumes(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	text, err := ec2.Fact(ctx, "dynamic/instance-identity/document")
	if err != nil {
		return nil, err
	}
	var machine struct {
		Region string `json:"region"`
	}
	if err := json.Unmarshal(text, &machine); err != nil {
		return nil, err
	}
	keys, err := ec2.RoleKeys(ctx)
	if err != nil {
		return nil, err
	}
	body := url.Values{"Action": {"DescribeVolumes"}, "Version": {"2016-11-15"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://ec2."+machine.Region+".amazonaws.com/", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	ec2.Sign(req, []byte(body), keys, machine.Region, "ec2", time.Now())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("DescribeVolumes: %s: %s", resp.Status, answer)
	}
	var list struct {
		Items []struct {
			ID string `xml:"volumeId"`
		} `xml:"volumeSet>item"`
	}
	if err := xml.Unmarshal(answer, &list); err != nil {
		return nil, err
	}
	var ids []string
	for _, item := range list.Items {
		ids = append(ids, item.ID)
	}
	return ids, nil
}
