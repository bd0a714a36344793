package graphsim

import (
	"encoding/json"
	"fmt"
)

// seedStatus is Status as it is read: its properties are held to the same rules
// as those of a PATCH, otherwise a test could seed what Graph cannot hold.
type seedStatus struct {
	Configuration string          `json:"configuration"`
	Navigation    string          `json:"navigation"`
	CertificateID string          `json:"certificateId"`
	ID            string          `json:"id"`
	Raw           json.RawMessage `json:"properties"`

	properties Properties
}

func (s *seedStatus) key() collectionKey {
	return collectionKey{s.Configuration, s.Navigation, s.CertificateID}
}

func (s *seedStatus) parse() error {
	if s.Configuration == "" || s.ID == "" {
		return fmt.Errorf("configuration and id must not be empty")
	}
	if err := s.checkNavigation(); err != nil {
		return err
	}
	s.properties = newProperties()
	if s.Raw == nil {
		return nil
	}
	p, err := parseProperties(s.Raw, s.ID)
	if err != nil {
		return err
	}
	p.apply(&s.properties)
	return nil
}

func (s *seedStatus) checkNavigation() error {
	for _, n := range navigations {
		if n.path != s.Navigation {
			continue
		}
		if n.certificate != (s.CertificateID != "") {
			return fmt.Errorf("navigation %q: a certificateId is for rootCertificatesForServerValidation, and must be there", s.Navigation)
		}
		return nil
	}
	return fmt.Errorf("navigation %q is not one of the documented ones", s.Navigation)
}
